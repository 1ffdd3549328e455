"""The engine: a separate process with one variant's pipeline, which the worker controls through a pipe.

Why a process: coremltools holds the GIL during every load and predict, so no other thread could send a heartbeat or
enforce a deadline; and ending the process is the only sure way to free a pipeline's memory or to end a predict that
hangs.
"""
