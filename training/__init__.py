"""Learns facial expressions from FER-2013 and exports the network as ONNX."""
