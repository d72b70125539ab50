"""Stand-ins for scipy.spatial: `metrics`, all distances of scipy.spatial.distance, and `rotations`,
the methods of scipy.spatial.transform.Rotation.
"""
