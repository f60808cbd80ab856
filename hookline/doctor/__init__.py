"""Every condition that deliveries and rows depend on, looked at, judged, and told with a way out.

`probes` look and judge nothing; the modules beside them judge and look at nothing.
"""
