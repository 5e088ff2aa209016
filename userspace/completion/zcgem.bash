# SPDX-License-Identifier: MIT
# Completion of the zcgem command in bash.
_zcgem()
{
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local command= i

	for ((i = 1; i < COMP_CWORD; i++)); do
		[[ ${COMP_WORDS[i]} = -* ]] || { command=${COMP_WORDS[i]}; break; }
	done

	case $command,$before in
	top,--debugfs | top,-D | top,--proc | top,-P | objects,--debugfs | objects,-D)
		mapfile -t COMPREPLY < <(compgen -d -- "$word")
		return ;;
	show,--card | show,-c)
		mapfile -t COMPREPLY < <(compgen -G "/dev/dri/card*" | grep -F -- "$word")
		return ;;
	show,--format | show,-f)
		mapfile -t COMPREPLY < <(compgen -W "XR24 RG24 RG16" -- "$word")
		return ;;
	copy,--fill | copy,-f | copy,--size | copy,-s | copy,--chunk | copy,-c | \
	show,--mode | show,-m | top,--delay | top,-d | top,--number | top,-n)
		return ;;
	esac

	local words
	case $command in
	"")	words="copy info objects show top --help --usage --version" ;;
	copy)	words="--fill --size --chunk --progress --verify --help --usage --version" ;;
	info)	words="--json --help --usage --version" ;;
	objects) words="--json --debugfs --help --usage --version" ;;
	top)	words="--delay --number --once --debugfs --proc --help --usage --version" ;;
	show)	words="--card --mode --format --dump --wait --repaint --hugetlb --legacy --help
		       --usage --version" ;;
	esac
	if [[ $command = @(copy|show) && $word != -* ]]; then
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
	else
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
	fi
}
complete -F _zcgem zcgem
