// SPDX-License-Identifier: GPL-2.0
/*
 * Shows the leaves of a process's page tables, for tests only.
 *
 * pagemap and smaps pass over VM_PFNMAP mappings, so that nothing in /proc tells
 * how such memory is mapped. Write "PID START END" (addresses in hex) to
 * /sys/kernel/debug/page_leaves and read from the same descriptor one line a leaf:
 *
 *	address size pfn flags cache entry
 *
 * in hex, but size in bytes, and cache the memory type that the processor's PAT,
 * or MAIR, gives the entry. In flags a letter stands for each bit that is set: p present
 * to the processor, w writable, x executable, a accessed, d dirty, s special,
 * v devmap, u user-fault write-protected.
 */

#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pgtable.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#ifdef CONFIG_X86
#include <asm/msr.h>
#endif

#define MAX_LEAVES	(1UL << 19)

enum level {
	LEVEL_PTE,
	LEVEL_PMD,
	LEVEL_PUD,
};

struct leaf {
	unsigned long address;
	unsigned long pfn;
	u64 entry;
	enum level level;
};

/* What one open descriptor has found. */
struct walk {
	struct mutex lock;
	struct leaf *leaves;
	unsigned long count;
	unsigned long max;
};

static const unsigned long leaf_size[] = {
	[LEVEL_PTE] = PAGE_SIZE,
	[LEVEL_PMD] = PMD_SIZE,
	[LEVEL_PUD] = PUD_SIZE,
};

static int add_leaf(struct walk *walk, unsigned long address, enum level level,
		    unsigned long pfn, u64 entry)
{
	if (walk->count == walk->max)
		return -E2BIG;

	walk->leaves[walk->count++] = (struct leaf) {
		.address = address & ~(leaf_size[level] - 1),
		.pfn = pfn,
		.entry = entry,
		.level = level,
	};
	return 0;
}

/*
 * One table entry after the other, from the top for each: slow and plain. Tables
 * are freed by RCU, so one that khugepaged takes away meanwhile can still be read.
 */
static int walk_address(struct walk *walk, struct mm_struct *mm, unsigned long address,
			unsigned long *step)
{
	pgd_t *pgd = pgd_offset(mm, address);
	p4d_t *p4d;
	pud_t *pudp, pud;
	pmd_t *pmdp, pmd;
	pte_t pte;

	*step = PGDIR_SIZE;
	if (pgd_none(*pgd) || pgd_bad(*pgd))
		return 0;
	p4d = p4d_offset(pgd, address);
	*step = P4D_SIZE;
	if (p4d_none(*p4d) || p4d_bad(*p4d))
		return 0;

	*step = PUD_SIZE;
	pudp = pud_offset(p4d, address);
	pud = READ_ONCE(*pudp);
	if (pud_none(pud))
		return 0;
	if (pud_leaf(pud))
		return add_leaf(walk, address, LEVEL_PUD, pud_pfn(pud), pud_val(pud));
	if (pud_bad(pud))
		return -EUCLEAN;

	*step = PMD_SIZE;
	pmdp = pmd_offset(pudp, address);
	pmd = READ_ONCE(*pmdp);
	if (pmd_none(pmd))
		return 0;
	if (pmd_leaf(pmd))
		return add_leaf(walk, address, LEVEL_PMD, pmd_pfn(pmd), pmd_val(pmd));
	if (pmd_bad(pmd))
		return -EUCLEAN;

	*step = PAGE_SIZE;
	pte = ptep_get(pte_offset_kernel(pmdp, address));
	if (!pte_present(pte))
		return 0;
	return add_leaf(walk, address, LEVEL_PTE, pte_pfn(pte), pte_val(pte));
}

static int walk_range(struct walk *walk, struct mm_struct *mm, unsigned long start,
		      unsigned long end)
{
	unsigned long address = start, step;
	int ret = 0;

	vfree(walk->leaves);
	walk->count = 0;
	walk->max = DIV_ROUND_UP(end - start, PAGE_SIZE) + 1;
	if (walk->max > MAX_LEAVES)
		walk->max = MAX_LEAVES;
	walk->leaves = vmalloc(array_size(walk->max, sizeof(*walk->leaves)));
	if (!walk->leaves)
		return -ENOMEM;

	if (mmap_read_lock_killable(mm))
		return -EINTR;

	while (!ret && address < end) {
		rcu_read_lock();
		ret = walk_address(walk, mm, address, &step);
		rcu_read_unlock();

		address = (address & ~(step - 1)) + step;
		if (!address)
			break;
		cond_resched();
	}
	mmap_read_unlock(mm);
	return ret;
}

static struct mm_struct *mm_of(pid_t nr)
{
	struct pid *pid = find_get_pid(nr);
	struct task_struct *task = get_pid_task(pid, PIDTYPE_PID);
	struct mm_struct *mm = NULL;

	if (task) {
		mm = get_task_mm(task);
		put_task_struct(task);
	}
	put_pid(pid);
	return mm;
}

static ssize_t walker_write(struct file *file, const char __user *buf, size_t size, loff_t *pos)
{
	struct walk *walk = ((struct seq_file *)file->private_data)->private;
	unsigned long start, end;
	struct mm_struct *mm;
	char text[64];
	pid_t nr;
	int ret;

	if (size >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, buf, size))
		return -EFAULT;
	text[size] = 0;
	if (sscanf(text, "%d %lx %lx", &nr, &start, &end) != 3 ||
	    start >= end || end > TASK_SIZE_MAX)
		return -EINVAL;

	mm = mm_of(nr);
	if (!mm)
		return -ESRCH;
	mutex_lock(&walk->lock);
	ret = walk_range(walk, mm, start, end);
	mutex_unlock(&walk->lock);
	mmput(mm);
	return ret ?: size;
}

#ifdef CONFIG_X86
static const char *cache_mode(const struct leaf *leaf)
{
	static const char * const types[] = {
		"UC", "WC", "?", "?", "WT", "WP", "WB", "UC-",
	};
	u64 pat_bit = leaf->level == LEVEL_PTE ? _PAGE_PAT : _PAGE_PAT_LARGE;
	unsigned int index = 0;
	u32 low, high;

	if (leaf->entry & _PAGE_PWT)
		index |= 1;
	if (leaf->entry & _PAGE_PCD)
		index |= 2;
	if (leaf->entry & pat_bit)
		index |= 4;

	rdmsr(MSR_IA32_CR_PAT, low, high);
	return types[((((u64)high << 32) | low) >> (index * 8)) & 7];
}

static void show_bits(struct seq_file *m, const struct leaf *leaf)
{
	static const struct {
		u64 bit;
		char letter;
	} bits[] = {
		{ _PAGE_PRESENT, 'p' },
		{ _PAGE_RW, 'w' },
		{ _PAGE_ACCESSED, 'a' },
		{ _PAGE_DIRTY, 'd' },
		{ _PAGE_SPECIAL, 's' },
		/* Kernels without pfn_t have no such bit. */
#ifdef _PAGE_DEVMAP
		{ _PAGE_DEVMAP, 'v' },
#endif
		/* From 7.3 on it is for more than write protection. */
#ifdef _PAGE_UFFD_WP
		{ _PAGE_UFFD_WP, 'u' },
#else
		{ _PAGE_UFFD, 'u' },
#endif
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bits); i++)
		seq_putc(m, leaf->entry & bits[i].bit ? bits[i].letter : '-');
	seq_putc(m, leaf->entry & _PAGE_NX ? '-' : 'x');
}
#else
/* Leaves of all sizes have the bits of small ones here. */
static const char *cache_mode(const struct leaf *leaf)
{
#ifdef CONFIG_ARM64
	switch (leaf->entry & PTE_ATTRINDX_MASK) {
	case PTE_ATTRINDX(MT_NORMAL):
	case PTE_ATTRINDX(MT_NORMAL_TAGGED):
		return "WB";
	case PTE_ATTRINDX(MT_NORMAL_NC):
		return "WC";
	}
	return "UC";
#elif defined(CONFIG_RISCV)
	u64 type = leaf->entry & _PAGE_MTMASK;

	/* Without the processor's extension for it both are zero. */
	if (!type)
		return "WB";
	return type == _PAGE_NOCACHE ? "WC" : "UC";
#else
	return "?";
#endif
}

static void show_bits(struct seq_file *m, const struct leaf *leaf)
{
	pte_t pte = __pte(leaf->entry);

	seq_putc(m, pte_present(pte) ? 'p' : '-');
	seq_putc(m, pte_write(pte) ? 'w' : '-');
	seq_putc(m, pte_young(pte) ? 'a' : '-');
	seq_putc(m, pte_dirty(pte) ? 'd' : '-');
	seq_putc(m, pte_special(pte) ? 's' : '-');
#ifdef PTE_DEVMAP
	seq_putc(m, leaf->entry & PTE_DEVMAP ? 'v' : '-');
#endif
	seq_putc(m, '-');
#ifdef CONFIG_ARM64
	seq_putc(m, leaf->entry & PTE_UXN ? '-' : 'x');
#else
	seq_putc(m, pte_exec(pte) ? 'x' : '-');
#endif
}
#endif

static void *walker_start(struct seq_file *m, loff_t *pos)
{
	struct walk *walk = m->private;

	mutex_lock(&walk->lock);
	return *pos < walk->count ? &walk->leaves[*pos] : NULL;
}

static void *walker_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct walk *walk = m->private;

	++*pos;
	return *pos < walk->count ? &walk->leaves[*pos] : NULL;
}

static void walker_stop(struct seq_file *m, void *v)
{
	struct walk *walk = m->private;

	mutex_unlock(&walk->lock);
}

static int walker_show(struct seq_file *m, void *v)
{
	const struct leaf *leaf = v;

	seq_printf(m, "%lx %lu %lx ", leaf->address, leaf_size[leaf->level], leaf->pfn);
	show_bits(m, leaf);
	seq_printf(m, " %s %llx\n", cache_mode(leaf), leaf->entry);
	return 0;
}

static const struct seq_operations walker_seq_ops = {
	.start = walker_start,
	.next = walker_next,
	.stop = walker_stop,
	.show = walker_show,
};

static int walker_open(struct inode *inode, struct file *file)
{
	struct walk *walk = __seq_open_private(file, &walker_seq_ops, sizeof(*walk));

	if (!walk)
		return -ENOMEM;
	mutex_init(&walk->lock);
	return 0;
}

static int walker_release(struct inode *inode, struct file *file)
{
	struct walk *walk = ((struct seq_file *)file->private_data)->private;

	vfree(walk->leaves);
	return seq_release_private(inode, file);
}

static const struct file_operations walker_fops = {
	.owner = THIS_MODULE,
	.open = walker_open,
	.read = seq_read,
	.write = walker_write,
	.llseek = seq_lseek,
	.release = walker_release,
};

static struct dentry *walker_file;

static int __init walker_init(void)
{
	walker_file = debugfs_create_file("page_leaves", 0600, NULL, NULL, &walker_fops);
	return PTR_ERR_OR_ZERO(walker_file);
}
module_init(walker_init);

static void __exit walker_exit(void)
{
	debugfs_remove(walker_file);
}
module_exit(walker_exit);

MODULE_DESCRIPTION("shows the leaves of page tables, for tests");
MODULE_LICENSE("GPL");
