"""The baseline methods: objectives, strategies, and what is neither."""
