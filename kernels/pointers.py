"""Typed pointers of kernels over addresses: at_float32(address)[i] is element i of float32 memory there."""
from numba import types
from numba.extending import intrinsic


def _pointer(ty):
    @intrinsic
    def at(typingctx, address):
        def codegen(context, builder, sig, args):
            return builder.inttoptr(args[0], context.get_value_type(sig.return_type))
        return types.CPointer(ty)(types.intp), codegen
    return at


# bool is stored as one byte of 0 or 1
STORED = {name: getattr(types, name) for name in (
    "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float32", "float64", "complex64", "complex128")} | {"bool": types.uint8}
AT = {name: _pointer(ty) for name, ty in STORED.items()}
