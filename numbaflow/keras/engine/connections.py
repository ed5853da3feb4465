"""What a layer knows of its calls on symbolic tensors: its inputs and outputs in functional models."""


class Connections:
    """The part of a Layer that answers for the functional models it is part of."""

    def _live_nodes(self, what):
        nodes = [node for node in (ref() for ref in self._nodes) if node is not None]
        if not nodes:
            raise AttributeError(f"The layer {self.name} has never been called on a keras.Input or a tensor "
                                 f"made from one, and thus has no defined {what}.")
        return nodes

    def _single_node(self, what):
        nodes = self._live_nodes(what)
        if len(nodes) > 1:
            raise AttributeError(f"Layer {self.name} has multiple inbound nodes, hence the notion of "
                                 f"\"layer {what}\" is ill-defined. Use `get_{what}_at(node_index)` instead.")
        return nodes[0]

    def _node_at(self, index, what):
        nodes = self._live_nodes(what)
        if not -len(nodes) <= index < len(nodes):
            raise ValueError(f"Asked to get {what} at node {index}, but the layer {self.name} has only "
                             f"{len(nodes)} inbound nodes.")
        return nodes[index]

    def _common(self, what, values):
        """What all calls of the layer agree on; AttributeError if they do not."""
        if any(value != values[0] for value in values):
            raise AttributeError(f"The layer {self.name} has multiple inbound nodes with different {what}s: "
                                 f"{values}")
        return values[0]

    def get_input_at(self, node_index):
        """The symbolic inputs of the layer's call of that number."""
        return single(self._node_at(node_index, "input").inputs)

    def get_output_at(self, node_index):
        """The symbolic outputs of the layer's call of that number."""
        return self._node_at(node_index, "output").outputs()

    @property
    def input(self):
        """The symbolic input of the layer's one call, or a list of them."""
        return single(self._single_node("input").inputs)

    @property
    def output(self):
        """The symbolic output of the layer's one call, or a list of them."""
        return self._single_node("output").outputs()

    @property
    def input_shape(self):
        """The shape of the layer's inputs in the functional models it is part of."""
        return self._common("input shape", [single([tuple(t.shape) for t in node.inputs])
                                            for node in self._live_nodes("input shape")])

    @property
    def output_shape(self):
        """The shape of the layer's outputs in the functional models it is part of."""
        return self._common("output shape", [single([tuple(shape) for shape in node.shapes])
                                             for node in self._live_nodes("output shape")])


def single(values):
    """The one value of a list, or else the list."""
    values = list(values)
    return values[0] if len(values) == 1 else values
