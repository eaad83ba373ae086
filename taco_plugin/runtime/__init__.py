"""Runs exported detectors: with ONNX Runtime or OpenVINO, without PyTorch and MMDetection."""
