"""What a fresh process waits for: the import, and its first gradient with the kernel cache cold and warm."""
IMPORT = "import numbaflow as nf"
FIRST_GRADIENT = "nf.gradients_function(lambda x: nf.reduce_sum(nf.tanh(x) * x))([0.1, 0.2, 0.3])"
NO_KERNELS = """import os, tempfile
folder = tempfile.TemporaryDirectory()
os.environ["NUMBAFLOW_CACHE_DIR"] = folder.name"""


class Startup:
    """Each is (what is timed, what goes before), run in a process of its own."""

    number, repeat, timeout = 1, 3, 180

    def setup(self):
        exec(f"{IMPORT}; {FIRST_GRADIENT}", {})         # so that the cache holds the kernels

    def timeraw_import(self):
        return IMPORT

    def timeraw_first_gradient_warm(self):
        return FIRST_GRADIENT, IMPORT

    def timeraw_first_gradient_cold(self):
        return FIRST_GRADIENT, f"{NO_KERNELS}\n{IMPORT}"
