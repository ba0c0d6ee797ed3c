"""From weights to a released file: calibration, export with proof, measurement, card and figures."""
