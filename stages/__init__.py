"""The pipeline: one typer command for each stage."""
