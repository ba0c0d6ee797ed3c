"""The service: images and video frames in, faces with emotions and heatmaps out."""

__version__ = "0.2.0"
