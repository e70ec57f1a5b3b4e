"""Parts of the generated coding benchmarks: a language of composed steps, a library of modules, mutations, a guarded evaluator."""
