# SPDX-License-Identifier: MIT
# Completion of the zcgem command in fish.
set -l commands copy info objects show top

complete -c zcgem -f
complete -c zcgem -n "not __fish_seen_subcommand_from $commands" -a copy -d "Copy or fill a file by the engine"
complete -c zcgem -n "not __fish_seen_subcommand_from $commands" -a info -d "What the device can do"
complete -c zcgem -n "not __fish_seen_subcommand_from $commands" -a objects -d "The objects of this machine"
complete -c zcgem -n "not __fish_seen_subcommand_from $commands" -a show -d "Show a picture on a display"
complete -c zcgem -n "not __fish_seen_subcommand_from $commands" -a top -d "Who uses zcgem now"
complete -c zcgem -l help -d "List the options"
complete -c zcgem -l usage -d "A short usage line"
complete -c zcgem -l version -d "The version"

complete -c zcgem -n "__fish_seen_subcommand_from info objects" -s j -l json -d "Print JSON"
complete -c zcgem -n "__fish_seen_subcommand_from objects top" -s D -l debugfs -r -d "Where debugfs is"
complete -c zcgem -n "__fish_seen_subcommand_from top" -s d -l delay -x -d "Seconds between two tables"
complete -c zcgem -n "__fish_seen_subcommand_from top" -s n -l number -x -d "Stop after so many tables"
complete -c zcgem -n "__fish_seen_subcommand_from top" -s o -l once -d "One table, without rates"
complete -c zcgem -n "__fish_seen_subcommand_from top" -s P -l proc -r -d "Where proc is"
complete -c zcgem -n "__fish_seen_subcommand_from copy show" -F
complete -c zcgem -n "__fish_seen_subcommand_from copy" -s f -l fill -x -d "Word to fill with"
complete -c zcgem -n "__fish_seen_subcommand_from copy" -s s -l size -x -d "How much to fill"
complete -c zcgem -n "__fish_seen_subcommand_from copy" -s c -l chunk -x -d "Bytes of a submit"
complete -c zcgem -n "__fish_seen_subcommand_from copy" -s p -l progress -d "Say how far it is"
complete -c zcgem -n "__fish_seen_subcommand_from copy" -s v -l verify -d "Compare afterwards"
complete -c zcgem -n "__fish_seen_subcommand_from show" -s c -l card -r -d "Card to show it on"
complete -c zcgem -n "__fish_seen_subcommand_from show" -s m -l mode -x -d "Mode to set"
complete -c zcgem -n "__fish_seen_subcommand_from show" -s f -l format -x -a "XR24 RG24 RG16" -d "Format"
complete -c zcgem -n "__fish_seen_subcommand_from show" -s d -l dump -r -d "Write the memfd as PPM"
complete -c zcgem -n "__fish_seen_subcommand_from show" -s w -l wait -d "Keep showing until a line comes"
complete -c zcgem -n "__fish_seen_subcommand_from show" -s r -l repaint -d "Invert the picture when a line comes"
complete -c zcgem -n "__fish_seen_subcommand_from show" -s H -l hugetlb -d "Take the memfd from huge pages"
complete -c zcgem -n "__fish_seen_subcommand_from show" -s l -l legacy -d "No atomic modeset"
