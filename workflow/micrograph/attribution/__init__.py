"""What a network looks at: class activation maps, occlusion, and whether they tell the truth."""
