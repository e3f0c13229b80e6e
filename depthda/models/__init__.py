"""Two encoders, their fusion, mmseg's encoder-decoder around them; translation of domains."""
