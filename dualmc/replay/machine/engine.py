"""Machine code that is freed with what holds it.

Numba keeps whatever it compiles until the process ends: about a megabyte for each program.  Here
LLVM compiles each program in an engine of its own, which goes when the program is dropped.  What
Numba does once, for each number of arguments, is to call it: take the pointers of arrays without
holding the interpreter's lock.
"""

import functools

import llvmlite.binding as llvm
from llvmlite import ir
from llvmlite.binding import newpassmanagers
from numba.core import types
from numba.core.codegen import JITCPUCodegen
from numba.core.compiler_lock import global_compiler_lock
from numba.extending import intrinsic

from dualmc.kernels import compiling
from dualmc.kernels.compiling import unwatched

INT64 = ir.IntType(64)
POINTER = ir.DoubleType().as_pointer()
ENTRY = "dualmc_entry"


def module(name="dualmc"):
    """An empty module for this machine."""
    made = ir.Module(name)
    made.triple = llvm.get_process_triple()
    return made


def entry(module, count):
    """The function that `compiled` calls: of pointers to `count` arrays, to an int64."""
    return ir.Function(module, ir.FunctionType(INT64, [POINTER] * count), ENTRY)


@global_compiler_lock
def link(loops):
    """Let code find the loops of ufuncs, and their data, by their names.

    Raises
    ------
    LookupError
        Where there is no such loop.
    """
    for loop in loops:
        found = loop.addresses()
        if found is None:
            raise LookupError(f"{loop.name} has no loop for {loop.types}")
        for name, address in zip((loop.symbol, f"{loop.symbol}_data"), found, strict=True):
            if address:
                llvm.add_symbol(name, address)


class Machine:
    """The compiled code of one module, or of an object file, and where its entry is.

    Attributes
    ----------
    address : int
    text : bytes
        The object file.
    """

    @global_compiler_lock
    def __init__(self, module=None, text=None):
        tuning = _tuning()
        code = llvm.parse_assembly("" if module is None else str(module))
        if module is not None:
            code.verify()
            passes = tuning.builder.getModulePassManager()
            try:
                passes.run(code, tuning.builder)
            finally:
                _dispose(passes)
        self.text = text
        self.engine = llvm.create_mcjit_compiler(code, tuning.machine())
        if text is None:
            self.engine.set_object_cache(self._keep)
        else:
            self.engine.add_object_file(llvm.ObjectFileRef.from_data(text))
        self.engine.finalize_object()
        self.address = self.engine.get_function_address(ENTRY)

    def _keep(self, module, text):
        self.text = text

    def __reduce__(self):
        raise TypeError("Machine code cannot be copied or pickled: prepare the function again.")


@unwatched
def compiled(count, module=None, text=None):
    """``run(*arrays)`` of a module's entry, of `count` contiguous arrays of float64.

    `text`: the object file that was made of the module, on this very kind of machine.
    """
    machine = Machine(module, text)
    run = functools.partial(_caller(count), machine.address)
    run.machine = machine  # lives as long as what runs it
    return run


def _dispose(passes):
    if type(passes)._dispose is llvm.ffi.ObjectRef._dispose:  # which frees nothing
        newpassmanagers.NewPassManager._dispose(passes)
        passes.detach()
    else:
        passes.close()


class _Tuning:
    """How programs are optimised for this processor: loops made wide, nothing unrolled.

    Most of a program is straight code and short loops.  Unrolled, they take the compiler up to six
    times longer and run no faster; nor do they at higher levels, which look for what has been
    simplified already when the program was made.
    """

    def __init__(self):
        codegen = JITCPUCodegen("dualmc")
        self.options = {"opt": 3}
        codegen._customize_tm_options(self.options)
        options = llvm.create_pipeline_tuning_options(speed_level=1)
        options.loop_vectorization = True
        options.loop_unrolling = False
        options.slp_vectorization = False
        self.builder = llvm.create_pass_builder(self.machine(), options)

    def machine(self):
        target = llvm.Target.from_triple(llvm.get_process_triple())
        return target.create_target_machine(**self.options)


@functools.cache
def _tuning():
    return _Tuning()


@functools.cache
def _caller(count):
    """The compiled ``run(address, *arrays)`` for `count` arrays."""
    names = [f"a{i}" for i in range(count)]
    arrays = [types.Array(types.float64, 1, "C")] * count

    def typer(typingctx, address, *arrays):
        def generate(context, builder, sig, args):
            pointers = [
                context.make_array(kind)(context, builder, value).data
                for kind, value in zip(sig.args[1:], args[1:], strict=True)
            ]
            kind = ir.FunctionType(INT64, [POINTER] * count)
            return builder.call(builder.inttoptr(args[0], kind.as_pointer()), pointers)

        return types.int64(address, *arrays), generate

    scope: dict = {"__name__": __name__}
    text = (  # a function with as many arguments as the program has
        f"def typed(typingctx, address, {', '.join(names)}):\n"
        f"    return typer(typingctx, address, {', '.join(names)})\n"
        f"def run_{count}(address, {', '.join(names)}):\n"
        f"    return step(address, {', '.join(names)})\n"
    )
    exec(compile(text, __file__, "exec"), scope)  # the file beside which Numba keeps it
    scope["typer"] = typer
    scope["step"] = intrinsic(scope["typed"])
    run = compiling.compiled(scope[f"run_{count}"])
    run.compile((types.int64, *arrays))
    run.disable_compile()
    return run
