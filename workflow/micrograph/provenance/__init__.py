"""Where every result comes from: what was run, on what, by which code and machine; whether the bytes still stand."""
