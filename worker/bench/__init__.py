"""`sdq bench`: what each variant of a model costs on this machine, measured with engines as the worker starts them."""
