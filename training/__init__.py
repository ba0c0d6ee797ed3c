"""Learns facial expressions from FER-2013, or other labels from other pictures, and exports the network as ONNX."""
