"""An agent for others: MLflow, ONNX, the model card."""
