"""The drawn map of the packages shows the imports that the code has."""

import xml.etree.ElementTree as ET

from tools import architecture


def test_the_committed_picture_is_current():
    drawn = architecture.draw(architecture.read_imports())
    assert architecture.PICTURE.read_text(encoding="utf-8") == drawn, "run: .venv/bin/python -m tools.architecture"


def test_every_package_is_drawn_with_what_it_imports():
    graph = architecture.read_imports()
    picture = ET.fromstring(architecture.draw(graph))
    texts = {element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")}
    assert texts >= set(architecture.FOLDERS.values())
    titles = {element.text for element in picture.iter("{http://www.w3.org/2000/svg}title")}
    assert "dags/poseline_dags/ starts processes of pipelines/" in titles
    assert "trainer_module/ imports transform_module/" in titles
    assert "trainer_module/ imports data/" not in titles  # implied: it does by way of transform_module
    assert ("trainer_module", "data") in architecture.find_arrows(graph)
