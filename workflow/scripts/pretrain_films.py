"""Rule pretrain_films."""
