"""The lowering of checks: where a fused kernel finds a wrong value, the op raises what it raises eagerly."""
from numbaflow.graph.fusing.decompose import CHECK
from numbaflow.graph.programs.lower import ERROR_RECORD, Instruction, Ref, lowers
from numbaflow.kernels import fused


@lowers(CHECK.name)
def check(lowering, node):
    """Fail unless the first input is true, for the reason that the node's op gives on the others."""
    truth, *given = [lowering.layouts[v] for v in node.inputs]
    made = Instruction(fused.check(), [Ref(truth), ERROR_RECORD], 1, 1, node.attributes["node"])
    made.given = given
    lowering.code.append(made)
    return True
