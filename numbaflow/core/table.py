"""The op table itself: names to ops.  Imports nothing, so that everything may look an op up by name."""

OPS: dict = {}                  # name -> Op


def face(name):
    """The public function of an op."""
    return OPS[name].face
