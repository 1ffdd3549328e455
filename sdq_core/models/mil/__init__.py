"""`model.mil`: the network of a compiled model, as text.

`tokens` cuts the text into pieces, `types` and `syntax` say what they mean, `parser` reads one function statement by
statement, and `facts` takes from it what submitting needs. Arrays are made elsewhere (`worker.mlmodelc`): nothing here
needs NumPy.

Apple documents neither the text nor its grammar. It was learnt from texts that Apple's compiler wrote
(docs/decisions/0070-compiled-models.md); what none of them showed is refused with its line and column, never guessed.
"""
