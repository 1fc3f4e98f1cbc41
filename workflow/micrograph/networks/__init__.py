"""Networks: backbones and their weights, pre-training, fine-tuning, heads, and features of blocks."""
