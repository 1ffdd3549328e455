"""`sdq bench`: measures each variant of a model on this machine, in the same engines that the worker starts."""
