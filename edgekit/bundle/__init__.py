"""What is shipped: one folder with the artifact, its manifest, its golden samples and its report.

In: model bytes, a filled `BundleContent`. Out: a folder that is whole or absent, and `open_bundle`, which believes
nothing that it has not hashed.

The rule: the same inputs give the same bytes. Clocks, host names and measurements stay outside the hashed part.
"""
