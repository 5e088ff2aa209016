# SPDX-License-Identifier: MIT
"""The bed command's arguments and what each command does."""

import argparse
import shlex
import sys

import bench
import build
import debug
import demo
import groups
import kernel
import machine
import nextkernel
import profiler
import rootfs
import support
import tests
from debug import config, leaks
from debug import command as debug_command

KERNELS = list(rootfs.SUITES)


def machine_options(args):
    return machine.Options(mem=args.mem, smp=1 if args.icount else args.smp, cpu=args.cpu,
                           vga=args.vga, append=args.append, qemu=args.qemu, icount=args.icount,
                           modules="" if args.no_module else "zcgem", tree=args.tree,
                           leaks=args.kmemleak)


def prepare(name, zcgem=True):
    k = kernel.get(name)
    modules = build.modules(k, zcgem)
    build.userspace()
    return k, modules


def command_build(args):
    for name in args.kernel:
        if name == nextkernel.NextKernel.name:
            build.module(nextkernel.NextKernel())
        else:
            prepare(name)
    return 0


def command_run(args):
    if not args.command:
        raise SystemExit("bed: run needs a command: ./bed run -- COMMAND…")
    k, modules = prepare(args.kernel[0], not args.no_module)
    options = machine_options(args)
    if not any(name.endswith("/zcgem.ko") for name in modules):
        options.modules = ""
    job = "cd /work; exec " + shlex.join(args.command) + "\n"
    vm = machine.Machine(k, options, leaks.searched(job) if args.kmemleak else job, modules,
                         share=args.share)
    vm.start()
    outcome = vm.finish(args.timeout or 300 * machine.patience(k), echo=sys.stdout.buffer)
    machine.report(outcome)
    if outcome.good or not (outcome.trouble or outcome.reports):
        vm.forget()
        return outcome.status
    return outcome.status or 1


def command_shell(args):
    k, modules = prepare(args.kernel[0], not args.no_module)
    options = machine_options(args)
    if not any(name.endswith("/zcgem.ko") for name in modules):
        options.modules = ""
    vm = machine.Machine(k, options, "cd /work; exec bash -i\n", modules, share=args.share,
                         interactive=True)
    vm.start()
    outcome = vm.finish(10**9)
    machine.report(outcome)
    vm.forget()
    return outcome.status or 0


def command_test(args):
    if args.arch:
        names = [name for name in kernel.cross_names() if name.split("-")[1] == args.arch]
        wanted = [f"{part[0]}-{args.arch}" + "".join(part[1:]) for part in
                  (name.partition("-") for name in args.named_kernels or [])]
        unknown = [name for name in wanted if name not in names]
        if unknown:
            raise SystemExit(f"bed: no kernel is {', '.join(unknown)}; there are {', '.join(names)}")
        return tests.run(wanted or names, args.filter, groups.cross_groups(args.arch),
                         processors=args.processors)
    offered = groups.client_groups() if args.clients else None
    everything = not args.named_kernels and not args.filter and not args.clients
    return tests.run(args.kernel, args.filter, offered,
                     groups.DEBUG_KERNEL if everything else None, args.kmemleak,
                     groups.BETWEEN if everything else (),
                     kernel.cross_names() if everything else (), args.processors)


def command_bench(args):
    if args.publish:
        return bench.publish(args.kernel)
    arguments = ["--repeat", args.repeat, "--min-size", args.min_size]
    if args.memory:
        arguments += ["--memory", args.memory]
    if args.profile:
        return profiler.command(args.kernel, args.program, [str(word) for word in arguments],
                               args.max_size, args.timeout)
    return bench.command(args.kernel, args.program, args.mode or bench.MODES,
                         [str(word) for word in arguments], args.max_size, args.timeout)


def command_demo(args):
    return demo.command(args.kernel)


def command_kernels(_args):
    support.write()
    return 0


def command_debug(args):
    return debug_command.run(args.kernel, args.kind, args.build_only)


def parser():
    top = argparse.ArgumentParser(prog="bed")
    commands = top.add_subparsers(dest="name", required=True, metavar="COMMAND")

    def add(name, function, text, kernels, choices=None):
        sub = commands.add_parser(name, help=text, description=text)
        sub.add_argument("--kernel", action="append", choices=choices or KERNELS,
                         help="default: " + ", ".join(kernels))
        sub.set_defaults(function=function, kernels=kernels)
        return sub

    def add_machine(sub):
        sub.add_argument("--mem", help="default 2G, with a debug kernel 4G")
        sub.add_argument("--smp", default=2, type=int)
        sub.add_argument("--cpu", help="QEMU's -cpu; default max")
        sub.add_argument("--vga", default="none", choices=["none", "std", "cirrus"])
        sub.add_argument("--append", default="", help="words for the kernel command line")
        sub.add_argument("--qemu", default="", help="arguments for QEMU")
        sub.add_argument("--share", help="host directory, read-write at /share")
        sub.add_argument("--tree", default="run", choices=["run", "clients", "kwin"],
                         help="root tree: with IGT (the default), with client programs, with KWin")
        sub.add_argument("--no-module", action="store_true", help="leave zcgem unloaded")
        sub.add_argument("--kmemleak", action="store_true",
                         help="with a debug kernel: search for leaks in the end")
        sub.add_argument("--icount", action="store_true",
                         help="count instructions instead of seconds, the same in every run")

    every = KERNELS + rootfs.REAL_TIME + debug.names()
    add("build", command_build, "build module, userspace and tests", KERNELS,
        [*every, nextkernel.NextKernel.name])
    add("demo", command_demo, "show a picture from a memfd on a display, without a copy", KERNELS)
    sub = add("test", command_test, "run the tests", KERNELS,
              [*every, *(name.replace(f"-{arch}", "", 1) for arch in rootfs.CROSS
                         for name in kernel.cross_names())])
    sub.add_argument("--arch", choices=list(rootfs.CROSS),
                     help="another architecture: kernels are 7.2 and 7.2-16k then")
    sub.add_argument("--clients", action="store_true",
                     help="only programs that use /dev/udmabuf or DRM nodes, on every kernel")
    sub.add_argument("--kmemleak", action="store_true",
                     help="with a debug kernel: search for leaks at the end of each guest")
    sub.add_argument("--processors", type=int,
                     help="of each guest; default 2, or what its group wants")
    sub.add_argument("filter", nargs="*", metavar="FILTER", help="test groups or IGT programs")
    sub = add("bench", command_bench, "compare zcgem with udmabuf and others", bench.KERNELS)
    sub.add_argument("--publish", action="store_true",
                     help="measure nothing: copy tables and plots of earlier runs to the manual")
    sub.add_argument("--profile", action="store_true",
                     help="instead of figures, where each step's instructions are")
    sub.add_argument("--mode", action="append", choices=bench.MODES, help="default: both")
    sub.add_argument("--repeat", type=int, default=3, help="of each measurement; default 3")
    sub.add_argument("--min-size", type=int, default=0, help="of a buffer, MiB; default 0")
    sub.add_argument("--max-size", type=int, default=1024, help="of a buffer, MiB; default 1024")
    sub.add_argument("--memory", help="only this kind: shmem, thp, hugetlb-2m, hugetlb-1g")
    sub.add_argument("--timeout", type=float, default=3000,
                     help="seconds for each program; default 3000")
    sub.add_argument("program", nargs="*", metavar="PROGRAM", help="bench_PROGRAM; default: all")
    sub = add("run", command_run, "run a command in a guest", KERNELS[-1:], every)
    add_machine(sub)
    sub.add_argument("--timeout", type=float,
                     help="seconds; default 300, with a debug kernel 1800")
    sub.add_argument("command", nargs="*", metavar="COMMAND")
    sub = add("shell", command_shell, "a prompt in a guest", KERNELS[-1:], every)
    add_machine(sub)
    sub = add("debug", command_debug, "build debug kernels and prove their detectors", KERNELS)
    sub.add_argument("--kind", default="debug", choices=list(config.KINDS))
    sub.add_argument("--build-only", action="store_true", help="do not prove anything")
    sub = commands.add_parser("kernels", help="write the table of kernels into README and manual")
    sub.set_defaults(function=command_kernels, kernel=None, kernels=[])
    return top


def main():
    args = parser().parse_args()
    args.named_kernels = args.kernel
    args.kernel = args.kernel or args.kernels
    try:
        return args.function(args)
    except (build.BuildError, rootfs.TreeError) as error:
        print(f"bed: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
