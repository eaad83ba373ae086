"""Exports trained detectors to ONNX and OpenVINO, and proves that they find the same."""
