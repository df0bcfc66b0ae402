"""The measurements of ``tinygen bench``: its own kernels, whole steps, and PyTorch beside them.

``measure`` lists the rows; ``process`` lets two processes take turns; ``worker`` is one of them; ``workloads``,
``picture_workloads`` and ``network_workloads`` are tinygen's side of each row, ``torch_peer`` PyTorch's; ``table``
prints.
"""
