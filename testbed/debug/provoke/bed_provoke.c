// SPDX-License-Identifier: GPL-2.0
/*
 * Commits, when loaded, the one fault that its parameter names, so that the
 * test bed can see the kernel's detector for it at work. It does harm: for
 * guests only.
 */
#include <linux/completion.h>
#include <linux/dma-mapping.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mmdebug.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/timer.h>
#include <linux/vmalloc.h>

static char *fault = "";
module_param(fault, charp, 0444);
MODULE_PARM_DESC(fault, "which fault to commit");

static void use_after_free(void)
{
	u8 *memory = kmalloc(64, GFP_KERNEL);

	if (!memory)
		return;
	kfree(memory);
	OPTIMIZER_HIDE_VAR(memory);
	READ_ONCE(*memory);
}

static void slab_overrun(void)
{
	size_t size = 64;
	u8 *memory = kmalloc(size, GFP_KERNEL);

	if (!memory)
		return;
	OPTIMIZER_HIDE_VAR(size);
	WRITE_ONCE(memory[size], 1);
	kfree(memory);
}

static void vmalloc_overrun(void)
{
	size_t size = PAGE_SIZE - 8;
	u8 *memory = vmalloc(size);

	if (!memory)
		return;
	OPTIMIZER_HIDE_VAR(size);
	READ_ONCE(memory[size + 1]);
	vfree(memory);
}

static void leak(void)
{
	int i;

	/*
	 * A stale copy of a pointer on some stack hides one leak, and those in the allocator's
	 * store of a processor (7.2) hide some dozens.
	 */
	for (i = 0; i < 1000; i++) {
		u8 *memory = kmalloc(200, GFP_KERNEL);

		OPTIMIZER_HIDE_VAR(memory);
	}
}

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);

static void lock_inversion(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);

	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

static DEFINE_SPINLOCK(spin);

static void sleep_in_atomic(void)
{
	spin_lock(&spin);
	might_sleep();
	spin_unlock(&spin);
}

static void shift_too_far(void)
{
	unsigned int bits = 32, result;

	OPTIMIZER_HIDE_VAR(bits);
	result = 1U << bits;
	OPTIMIZER_HIDE_VAR(result);
}

static void list_damage(void)
{
	LIST_HEAD(head);
	struct list_head entry;

	list_add(&entry, &head);
	list_add(&entry, &head);
}

static void timer_expired(struct timer_list *timer)
{
}

static void live_object(void)
{
	struct timer_list *timer = kmalloc(sizeof(*timer), GFP_KERNEL);

	if (!timer)
		return;
	timer_setup(timer, timer_expired, 0);
	mod_timer(timer, jiffies + 60 * HZ);
	timer_setup(timer, timer_expired, 0);
	timer_delete_sync(timer);
	kfree(timer);
}

static void foreign_dma(void)
{
	struct platform_device *device;

	device = platform_device_register_simple("bed_provoke", PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(device))
		return;
	dma_unmap_single(&device->dev, 0x100000, PAGE_SIZE, DMA_TO_DEVICE);
	platform_device_unregister(device);
}

static void reference_underflow(void)
{
	refcount_t count = REFCOUNT_INIT(1);

	refcount_dec(&count);
}

static void vm_assertion(void)
{
	VM_WARN_ON_ONCE(current->mm);
}

/* A second writable mapping of a page of insmod's stack, in a table that nobody walks. */
static void second_mapping(void)
{
	unsigned long address = current->mm->start_stack & PAGE_MASK;
	pte_t entry = __pte(0);
	struct page *page;

	if (get_user_pages_fast(address, 1, FOLL_WRITE, &page) != 1)
		return;
	set_pte_at(current->mm, address, &entry, pfn_pte(page_to_pfn(page), PAGE_SHARED));
}

static void injected_failure(void)
{
#ifdef CONFIG_FAULT_INJECTION
	void *memory;

	current->fail_nth = 1;
	/* Injection leaves alone what may wait for memory, unless told otherwise. */
	memory = kmalloc(64, GFP_ATOMIC);
	current->fail_nth = 0;
	kfree(memory);
#endif
}

static unsigned long raced;
static DECLARE_COMPLETION(racer_done);

static int racer(void *unused)
{
	unsigned long end = jiffies + 3 * HZ;

	while (time_before(jiffies, end)) {
		raced++;
		/* else the compiler counts in a register */
		barrier();
	}
	complete(&racer_done);
	return 0;
}

static void racing_writers(void)
{
	unsigned long end = jiffies + 3 * HZ;
	struct task_struct *task = kthread_run(racer, NULL, "bed_racer");

	if (IS_ERR(task))
		return;
	while (time_before(jiffies, end)) {
		raced++;
		barrier();
	}
	wait_for_completion(&racer_done);
}

static const struct {
	const char *name;
	void (*commit)(void);
} faults[] = {
	{ "use-after-free", use_after_free },
	{ "slab-overrun", slab_overrun },
	{ "vmalloc-overrun", vmalloc_overrun },
	{ "leak", leak },
	{ "lock-inversion", lock_inversion },
	{ "sleep-in-atomic", sleep_in_atomic },
	{ "shift", shift_too_far },
	{ "list", list_damage },
	{ "live-object", live_object },
	{ "dma", foreign_dma },
	{ "reference", reference_underflow },
	{ "vm-assertion", vm_assertion },
	{ "injection", injected_failure },
	{ "second-mapping", second_mapping },
	{ "data-race", racing_writers },
};

static int __init bed_provoke_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		if (!strcmp(faults[i].name, fault)) {
			faults[i].commit();
			return 0;
		}
	}
	return -EINVAL;
}
module_init(bed_provoke_init);

static void __exit bed_provoke_exit(void)
{
}
module_exit(bed_provoke_exit);

MODULE_DESCRIPTION("Faults on purpose, to see the kernel's detectors at work");
MODULE_LICENSE("GPL");
