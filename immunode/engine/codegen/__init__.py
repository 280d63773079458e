"""Write the kernels of a model as Python source: what Numba compiles."""
