"""The service: images and video frames in, faces with emotions and heatmaps out."""
