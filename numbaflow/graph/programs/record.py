"""Table ops as instructions: a launch recorded once, over memory that is not there, is what calls repeat.

An op whose launch only looks at shapes, allocates and calls kernels needs no lowering of its own.  One whose
launch looks at values stays a host call.
"""
import numpy as np

from numbaflow.graph.programs.storage import Layout, Root, blank
from numbaflow.kernels import instructions as native
from numbaflow.kernels.adapter import adapted, cells_of, type_of
from numbaflow.kernels.blocks import convert_flat
from numbaflow.kernels.recording import CompileError, NotRecordable, Recorded, Recorder, contiguous, is_table
from numbaflow.kernels.threads import MOST

# Elements of work that are worth a share of their own: the threads of a program's team are awake as it runs.
SHARE = 1 << 14


def recorded(lowering, node, launch):
    """Lower a node by recording launch(node, arrays); False where that needs values.

    The code of other people's ops is not run for it: it may do anything.
    """
    if node.op.function.__module__.split(".")[0] != "numbaflow":
        return False
    inputs = [lowering.layouts[v] for v in node.inputs]
    begin, recorder = len(lowering.code), _Launch(lowering, node, inputs)
    try:
        with recorder:
            found = launch(node, [x.array.view(Recorded) for x in inputs])
        layouts = [recorder.result(value, x) for value, x in zip(node.outputs, found, strict=True)]
    except (NotRecordable, CompileError, ValueError, TypeError, IndexError, ArithmeticError):
        del lowering.code[begin:]
        return False
    lowering.layouts.update(zip(node.outputs, layouts, strict=True))
    return True


class _Launch(Recorder):
    """One launch: its calls become instructions, its arrays layouts."""

    def __init__(self, lowering, node, inputs):
        self.lowering, self.node, self.inputs = lowering, node, inputs
        self._roots, self._made = {}, set()
        for layout in inputs:
            self._roots.setdefault(id(_owner(layout.root.array)), []).append(layout.root)

    def _layout(self, array):
        for root in self._roots.get(id(_owner(array)), ()):
            found = Layout(root).view(array.view(np.ndarray))
            if found is not None:
                return found
        if array.size == 0 or _of_table(array):
            return Layout(Root("constant", array.view(np.ndarray)))
        raise NotRecordable("an array that is neither an argument nor allocated for kernels")

    def result(self, value, array):
        """Where an output lies: in memory of this launch."""
        if array.shape != value.shape or array.dtype != value.dtype:
            raise NotRecordable(f"{array.dtype}{list(array.shape)}, {value!r} was traced")
        layout = self._layout(array)
        if layout.root in self._made or layout.root.kind == "constant":
            return layout
        made = Layout(Root("temporary", blank(value.shape, value.dtype)))
        self.lowering.copy(layout, made, self.node)
        return made

    # ---- what launches ask for
    def empty(self, shape, dtype):
        root = Root("temporary", blank(shape, dtype))
        self._roots[id(root.array)] = [root]
        self._made.add(root)
        return root.array.view(Recorded)

    def call(self, kernel, n, work, args, check=False):
        from numbaflow.graph.programs.lower import ERROR_RECORD, Instruction, Ref
        if n == 0:
            return
        cells = [cell for a in args for cell in cells_of(a, lambda array: Ref(self._layout(array)))]
        function = adapted(kernel, tuple([type_of(a) for a in args]), check)
        if check:
            cells.append(ERROR_RECORD)
        made = Instruction(function, cells, int(n), shares(work), self.node)
        made.given = self.inputs if check else None
        self.lowering.code.append(made)

    def copy(self, source, to):
        if source.size:
            self.lowering.copy(self._layout(source), self._layout(to), self.node)
            self.lowering.code[-1].threads = shares(source.size)

    def fill(self, to, value):
        from numbaflow.graph.programs.lower import Instruction, Ref
        to = self._layout(to)
        if value == 0 and to.array.flags.c_contiguous and not np.signbit(value):
            self.lowering.code.append(Instruction(native.zero(), [Ref(to), to.array.nbytes], 1, 1, self.node))
        else:
            number = np.full(1, value, to.array.dtype)
            self.lowering.copy(Layout(Root("constant", number), np.broadcast_to(number, to.array.shape)), to,
                               self.node)

    def convert(self, source, dtype):
        if source.dtype.kind + dtype.kind not in ("bi", "bu", "bf", "ii", "iu", "if", "ui", "uu", "uf", "ff"):
            raise NotRecordable(f"{source.dtype} as {dtype}")
        made = self.empty(source.shape, dtype)
        self.call(convert_flat, made.size, made.size, (contiguous(source).reshape(-1), made.reshape(-1)))
        return made


def shares(work):
    """Into how many shares so many elements of work are cut at most."""
    return int(max(1, min(MOST, work // SHARE)))


def _owner(array):
    """The array whose memory a view shows."""
    while True:
        base = getattr(array, "base", None) if not isinstance(array, memoryview) else array.obj
        if base is None:
            return array
        array = base


def _of_table(array):
    while array is not None:
        if is_table(array):
            return True
        array = array.base
    return False
