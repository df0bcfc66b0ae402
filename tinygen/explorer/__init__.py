"""The latent explorer: one HTML page that holds a trained decoder and draws the picture under the pointer.

``page.py`` puts the page together, ``decoder.js`` is the network once more, one function for each layer, and
``explorer.js`` the page that moves.
"""

from tinygen.explorer.page import explorer_page
