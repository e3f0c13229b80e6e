"""Reading a program runs no code from its file. Other files are refused with one sentence."""

import json
import os
import pickle
import zipfile
from pathlib import Path

import pytest
import torch

from depthda.errors import UserError
from depthda.inference.archive_check import FACTS
from depthda.inference.model import load_model


class Pickle:
    def __reduce__(self):
        return os.mkdir, (f'{os.environ["MARKER"]}',)


def changed(source, out, change):
    """Copy a program; ``change`` gets the content of its records by name."""
    with zipfile.ZipFile(source) as archive:
        records = {n.split('/', 1)[1]: archive.read(n) for n in archive.namelist()}
    change(records)
    with zipfile.ZipFile(out, 'w') as archive:
        for name, content in records.items():
            archive.writestr(f'x/{name}', content)
    return out


def edit(name, function):
    def change(records):
        content = json.loads(records[name])
        function(content)
        records[name] = json.dumps(content).encode()

    return change


def node(function):
    """Change the first node of the graph."""
    return edit('models/model.json', lambda c: function(c['graph_module']['graph']['nodes'][0]))


def payload(folder, **fields):
    def function(config):
        next(iter(config['config'].values())).update(fields)

    return edit(f'data/{folder}/model_{folder}_config.json', function)


def size(text):
    def function(content):
        content['graph_module']['graph']['sym_int_values']['x'] = {
            'as_expr': {'expr_str': text, 'hint': None}
        }

    return edit('models/model.json', function)


def argument(**value):
    return node(lambda n: n['inputs'].append({'name': 'x', 'arg': value, 'kind': 1}))


UNSAFE = {
    'an example': lambda r: r.update({'data/sample_inputs/model.pt': pickle.dumps(Pickle())}),
    'weights': payload('weights', use_pickle=True),
    'a constant': payload('constants', path_name='opaque_obj_0'),
    'a library': lambda r: r.update({'data/aotinductor/model/x.so': b''}),
    'old weights': lambda r: r.update({'data/weights/model.pt': b''}),
    'a function': node(lambda n: n.update(target='torch.hub.load')),
    'an attribute': node(lambda n: n.update(target='torch.ops.aten.__class__.mro')),
    'a private operator': node(lambda n: n.update(target='torch.ops.aten._unsafe_view.default')),
    'a file name': argument(as_string='/etc/hostname'),
    'a function as argument': argument(as_operator='torch.hub.load'),
    'an expression': size("__import__('os').mkdir('x')"),
    'a known name with an attribute': size('Integer.mro()'),
    'full-width letters, which Python reads as ASCII': size('\uff45\uff56\uff41\uff4c(1)'),
    'a function other than a formula': size('lambdify(1)'),
    'a function in a symbol': size("Symbol('s1', x=print(1))"),
    'guards': edit('models/model.json', lambda c: c.update(guards_code=['print(1)'])),
    'a structure': edit(
        'models/model.json',
        lambda c: c['graph_module']['module_call_graph'][0]['signature'].update(in_spec='[1, {}]'),
    ),
}


@pytest.mark.parametrize('name', UNSAFE)
def test_a_program_that_may_run_code_is_refused(small, tmp_path, monkeypatch, name):
    monkeypatch.setenv('MARKER', str(tmp_path / 'marker'))
    path = changed(small, tmp_path / 'x.pt2', UNSAFE[name])
    with pytest.raises(UserError, match='might run code'):
        load_model(path)
    assert not (tmp_path / 'marker').exists()
    if name == 'an example':  # torch itself runs it
        with pytest.raises(RuntimeError):
            torch.export.load(path)
        assert (tmp_path / 'marker').is_dir()


def test_a_program_is_data_without_paths_and_pickles(small):
    with zipfile.ZipFile(small) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    assert content['archive/data/sample_inputs/model.pt'] == b''
    assert not any(str(Path(__file__).parents[2]).encode() in record for record in content.values())
    facts = json.loads(content[f'archive/extra/{FACTS}'])
    assert facts['band_order'] == [3, 2, 1] and facts['gsd'] == 0.5 and facts['format'] == 1


def test_other_files_are_refused_in_one_sentence(small, tmp_path):
    def reason(change):
        path = tmp_path / 'x.pt2'
        change(path)
        with pytest.raises(UserError) as error:
            load_model(path)
        return str(error.value)

    def weights(path):
        content = bytearray(small.read_bytes())
        with zipfile.ZipFile(small) as archive:
            (info,) = [i for i in archive.infolist() if i.filename.endswith('/weight_0')]
        content[info.header_offset + 200] ^= 1
        path.write_bytes(content)

    half = small.read_bytes()[:9000]
    assert 'is damaged' in reason(lambda path: path.write_bytes(half))
    assert 'is damaged (in archive/data/weights/weight_0)' in reason(weights)
    bare = torch.export.export(torch.nn.ReLU(), (torch.zeros(2),))
    assert 'does not record the classes' in reason(lambda path: torch.export.save(bare, path))
    other = edit(f'extra/{FACTS}', lambda facts: facts.update(format=2))
    assert 'has format 2, but depthda' in reason(lambda path: changed(small, path, other))
