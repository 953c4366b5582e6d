"""Parts of `benchmarks.fuzz_importers`: the inputs, and the program that fuzzes one format."""
