"""The engine: a process of its own that holds one variant's pipeline, with a pipe in and a pipe out.

Why a process: coremltools holds the GIL for the whole of every load and predict, so no thread beside it could send a
heartbeat or enforce a deadline; and ending the process is the only sure way to give a pipeline's memory back, or to end
a predict that hangs.
"""
