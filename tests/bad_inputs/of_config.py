"""Configs that are right YAML, and ask for what there is not."""

from __future__ import annotations

from bad_inputs.row import CONFIG, Row, both, edits, nothing, writes

PATH, BLOCK, OUTPUT = "path: points.csv, ", "{units: 4, activation: tanh}", "{activation: softmax}"
NUMBERS = both(
    writes("points.csv", "a,b,y\n" + "".join(f"{i},{i % 7},{i * i / 10}\n" for i in range(60))),
    edits("c.yaml", "softmax", "identity"),
)
"""A regression."""


def put(name: str, old: str, new: str, says: str, code: int = 2, prints: str = "") -> Row:
    """Something else in c.yaml, which is looked at without its data."""
    return Row(name, edits("c.yaml", old, new), "validate c.yaml", says, code, prints)


def added(name: str, content: str, says: str, code: int = 2, prints: str = "") -> Row:
    """Lines at the end of c.yaml, from line 8 on."""
    return Row(name, writes("c.yaml", CONFIG + content), "validate c.yaml", says, code, prints)


def override(name: str, argument: str, says: str, command: str = "train c.yaml") -> Row:
    """A change on the command line."""
    return Row(name, nothing, f"{command} {argument}", says)


ON_DISK = "and data.stored has the rows on disk;"


def on_disk(name: str, new: str, says: str, also: str = "") -> Row:
    """Rows that are to lie on disk, with something else in c.yaml that keeps them in memory."""
    change = both(edits("c.yaml", "target: y", f"target: y, stored: true{new}"))
    return Row(name, change, f"train c.yaml {also}".strip(), says)


ROWS = [
    # misspelt keys, on every level
    put(
        "a misspelt section",
        "optimizer:",
        "optimiser:",
        "c.yaml:6:1  optimiser: unknown key, did you mean 'optimizer'?",
    ),
    put(
        "a misspelt key of data",
        "target: y",
        "targt: y",
        "c.yaml:1:26  data.targt: unknown key, did you mean 'target'?",
    ),
    put(
        "a misspelt key of a split",
        "target: y",
        "target: y, split: {validaton: 0.2}",
        "c.yaml:1:45  data.split.validaton: unknown key, did you mean 'validation'?",
    ),
    put(
        "a misspelt key of the preprocessing",
        "target: y",
        "target: y, preprocess: {numerics: none}",
        "c.yaml:1:50  data.preprocess.numerics: unknown key, did you mean 'numeric'?",
    ),
    put(
        "an embedding that there is not",
        "  layers:",
        "  input: {numbers: fourier}\n  layers:",
        "c.yaml:3:20  model.input.numbers: unknown name 'fourier', known are none, linear, periodic, piecewise_linear",
    ),
    put(
        "a setting of another embedding",
        "  layers:",
        "  input: {numbers: {name: linear, sigma: 0.1}}\n  layers:",
        "c.yaml:3:35  model.input.numbers.sigma: unknown key, which goes with periodic",
    ),
    put(
        "frequencies of no deviation",
        "  layers:",
        "  input: {numbers: {sigma: 0}}\n  layers:",
        "c.yaml:3:28  model.input.numbers.sigma: must be greater than 0 (is 0)",
    ),
    put(
        "a misspelt key of the model",
        "  layers:",
        "  layer:",
        ("c.yaml:3:3  model.layers: missing\nc.yaml:3:3  model.layer: unknown key, did you mean 'layers'?"),
    ),
    put(
        "a misspelt key of a block",
        "units",
        "unit",
        "c.yaml:4:8  model.layers.0.unit: unknown key, did you mean 'units'?",
    ),
    put(
        "a misspelt setting of an activation",
        "tanh",
        "{name: leaky_relu, negative_slop: 0.1}",
        ("c.yaml:4:49  model.layers.0.activation.negative_slop: unknown key, did you mean 'negative_slope'?"),
    ),
    put(
        "a misspelt setting of an optimizer",
        "learning_rate",
        "learning_rat",
        "c.yaml:6:25  optimizer.learning_rat: unknown key, did you mean 'learning_rate'?",
    ),
    put(
        "a misspelt key of a checkpoint",
        "every",
        "evry",
        "c.yaml:7:52  training.checkpoint.evry: unknown key, did you mean 'every'?",
    ),
    put(
        "a misspelt key of early stopping",
        "epochs: 3",
        "epochs: 3, early_stopping: {patiens: 3}",
        "c.yaml:7:40  training.early_stopping.patiens: unknown key, did you mean 'patience'?",
    ),
    put(
        "a setting of another optimizer",
        "name: adam",
        "name: sgd, beta1: 0.9",
        "c.yaml:6:24  optimizer.beta1: unknown key, which goes with adam, amsgrad, adamw, nadam, lion",
    ),
    put(
        "a key that is like none",
        "optimizer:",
        "zzz: 1\noptimizer:",
        "c.yaml:6:1  zzz: unknown key, known are name, seed, data, ...",
    ),
    # types and bounds
    put(
        "true for a number",
        "units: 4",
        "units: true",
        "c.yaml:4:15  model.layers.0.units: must be a whole number (is true)",
    ),
    put(
        "a number for true",
        "target: y",
        "target: y, split: {shuffle: 1}",
        "c.yaml:1:54  data.split.shuffle: must be true or false (is 1)",
    ),
    put(
        "text for a number",
        "epochs: 3",
        "epochs: many",
        "c.yaml:7:20  training.epochs: must be a whole number (is 'many')",
    ),
    put(
        "a list for a number",
        "epochs: 3",
        "epochs: [3]",
        "c.yaml:7:20  training.epochs: must be a whole number (is a list)",
    ),
    put(
        "a number for a mapping",
        "optimizer: {name: adam, learning_rate: 0.01}",
        "optimizer: 3",
        "c.yaml:6:12  optimizer: must be a name, or a mapping with a name (is 3)",
    ),
    put("a number for a list", "target: y", "target: y, drop: 3", "c.yaml:1:43  data.drop: must be a list (is 3)"),
    put(
        "text for a list",
        "target: y",
        "target: y, drop: a",
        "c.yaml:1:43  data.drop: must be a list (is 'a'); write [a]",
    ),
    put(
        "a mapping for the layers",
        "    - {units: 4, activation: tanh}\n    - {activation: softmax}",
        "    first: {units: 4}",
        "c.yaml:4:5  model.layers: must be a list (is a mapping)",
    ),
    put(
        "a negative learning rate",
        "0.01",
        "-0.01",
        "c.yaml:6:40  optimizer.learning_rate: must be greater than 0 (is -0.01)",
    ),
    put("a learning rate of 0", "0.01", "0", "c.yaml:6:40  optimizer.learning_rate: must be greater than 0 (is 0)"),
    put(
        "a learning rate of NaN",
        "0.01",
        ".nan",
        "c.yaml:6:40  optimizer.learning_rate: must be a finite number (is not a number)",
    ),
    put(
        "an infinite learning rate",
        "0.01",
        ".inf",
        "c.yaml:6:40  optimizer.learning_rate: must be a finite number (is inf)",
    ),
    put(
        "a batch of 0",
        "batch_size: 16",
        "batch_size: 0",
        "c.yaml:7:35  training.batch_size: must be at least 1 or full or auto (is 0)",
    ),
    put(
        "a batch of -1",
        "batch_size: 16",
        "batch_size: -1",
        "c.yaml:7:35  training.batch_size: must be at least 1 or full or auto (is -1)",
    ),
    put(
        "a batch larger than the data is all of it",
        "batch_size: 16",
        "batch_size: 1000",
        "",
        0,
        "...(batches of 42 rows)...",
    ),
    put("a width of 0", "units: 4", "units: 0", "c.yaml:4:15  model.layers.0.units: must be at least 1 (is 0)"),
    put(
        "weights whose square is no number",
        "activation: tanh}",
        "activation: tanh, initializer: {name: normal, std: 1e300}}",
        "c.yaml:4:69  model.layers.0.initializer.std: must be at most 1e+154 (is 1e+300)",
    ),
    put(
        "a width of 10^9",
        "units: 4",
        "units: 1000000000",
        "c.yaml:4:15  model.layers.0.units: must be at most 1000000 (is 1000000000)",
    ),
    put(
        "a network larger than the memory",
        BLOCK,
        "{units: 1000000}\n    - {units: 1000000}",
        ("c.yaml:5:15  model.layers.1.units: the training needs 44 TB, this process may take ...; fewer units help"),
    ),
    put("half a unit", "units: 4", "units: 4.5", "c.yaml:4:15  model.layers.0.units: must be a whole number (is 4.5)"),
    put(
        "no units",
        BLOCK,
        "{activation: tanh}",
        "c.yaml:4:7  model.layers.0: needs units; only the last block's follow from the target",
    ),
    put(
        "no block",
        "  layers:\n    - {units: 4, activation: tanh}\n    - {activation: softmax}",
        "  layers: []",
        "c.yaml:3:11  model.layers: must be a list of at least 1 (is an empty list)",
    ),
    put("-1 epochs", "epochs: 3", "epochs: -1", "c.yaml:7:20  training.epochs: must be at least 0 (is -1)"),
    put(
        "epochs beyond any integer",
        "epochs: 3",
        "epochs: 99999999999999999999",
        "c.yaml:7:20  training.epochs: must be at most 1000000000 (is 99999999999999999999)",
    ),
    put(
        "a dropout of 1",
        BLOCK,
        "{units: 4, dropout: 1}",
        "c.yaml:4:27  model.layers.0.dropout: must be less than 1 (is 1)",
    ),
    put(
        "a negative dropout",
        BLOCK,
        "{units: 4, dropout: -0.1}",
        "c.yaml:4:27  model.layers.0.dropout: must be at least 0 (is -0.1)",
    ),
    put(
        "dropout at the output",
        OUTPUT,
        "{activation: softmax, dropout: 0.5}",
        (
            "c.yaml:5:38  model.layers.1.dropout: the output block's values are the predictions: none "
            "may be missing; set it on the block before, or leave it out"
        ),
    ),
    put(
        "a negative penalty",
        "optimizer:",
        "regularization: {l2: -1}\noptimizer:",
        "c.yaml:6:22  regularization.l2: must be at least 0 (is -1)",
    ),
    added("a negative seed", "seed: -1\n", "c.yaml:8:7  seed: must be at least 0 (is -1)"),
    added(
        "a seed of 2^63",
        f"seed: {2**63}\n",
        "c.yaml:8:7  seed: must be less than 9223372036854775808 (is 9223372036854775808)",
    ),
    added("a seed of text", "seed: random\n", "c.yaml:8:7  seed: must be a whole number (is 'random')"),
    added("a seed of 1.5", "seed: 1.5\n", "c.yaml:8:7  seed: must be a whole number (is 1.5)"),
    added(
        "a name with a slash",
        "name: a/b\n",
        "c.yaml:8:7  name: must be letters, digits, and . _ - (not first) (is 'a/b')",
    ),
    added(
        "a name that leads out",
        "name: ..\n",
        "c.yaml:8:7  name: must be letters, digits, and . _ - (not first) (is '..')",
    ),
    # names
    put(
        "an unknown activation",
        "tanh",
        "tnah",
        "c.yaml:4:30  model.layers.0.activation: unknown name 'tnah', did you mean 'tanh'?",
    ),
    put("an unknown optimizer", "adam", "adma", "c.yaml:6:12  optimizer: unknown name 'adma', did you mean 'adam'?"),
    added(
        "an unknown loss",
        "loss: cross_entropie\n",
        "c.yaml:8:7  loss: unknown name 'cross_entropie', did you mean 'cross_entropy'?",
    ),
    added(
        "an unknown schedule",
        "schedule: cosinus\n",
        "c.yaml:8:11  schedule: unknown name 'cosinus', did you mean 'cosine'?",
    ),
    put(
        "an unknown source",
        PATH + "target: y",
        "source: iirs",
        "c.yaml:1:16  data.source: unknown name 'iirs', did you mean 'iris'?",
    ),
    put(
        "a name that is like none",
        "tanh",
        "qqq",
        "c.yaml:4:30  model.layers.0.activation: unknown name 'qqq', known are gelu, silu, ...",
    ),
    put(
        "an unknown precision",
        "epochs: 3",
        "epochs: 3, precision: float16",
        "c.yaml:7:34  training.precision: unknown name 'float16', did you mean 'float64'?",
    ),
    put(
        "an unknown norm",
        BLOCK,
        "{units: 4, norm: bacth}",
        "c.yaml:4:24  model.layers.0.norm: unknown name 'bacth', did you mean 'batch'?",
    ),
    put(
        "an empty name",
        "name: adam",
        "name: ''",
        "c.yaml:6:12  optimizer: unknown name '', known are adagrad, adadelta, ...",
    ),
    # what does not go together
    added("softmax with mse is right for classes", "loss: mse\n", "", 0, "...classification: 2-4-2..."),
    Row(
        "softmax with mse for numbers",
        both(NUMBERS, edits("c.yaml", "identity", "softmax"), edits("c.yaml", "model:", "loss: mse\nmodel:")),
        "validate c.yaml",
        (
            "c.yaml:6:20  model.layers.1.activation: softmax makes its outputs sum to 1, but the target "
            "is a number; use identity, or cross_entropy for classes"
        ),
    ),
    put(
        "sigmoid with cross_entropy",
        "softmax",
        "sigmoid",
        (
            "c.yaml:5:20  model.layers.1.activation: cross_entropy needs outputs that are not negative "
            "and sum to 1, which sigmoid does not give; fitting are softmax"
        ),
    ),
    Row(
        "cross_entropy for quantities",
        both(NUMBERS, edits("c.yaml", "identity", "softmax")),
        "validate c.yaml",
        (
            "points.csv line 3, column 'y': 0.1 is no class label; classes are text or whole numbers; a "
            "quantity asks for regression (`loss: mse`)\n"
            "...\n"
            "and 49 more"
        ),
    ),
    Row(
        "tanh with mse for numbers beyond -1 and 1",
        both(NUMBERS, edits("c.yaml", "identity", "tanh"), edits("c.yaml", "model:", "loss: mse\nmodel:")),
        "validate c.yaml",
        (
            "c.yaml:6:20  model.layers.1.activation: tanh gives values from -1 to 1, but the "
            "standardized target runs from -1.03 to 1.97; use identity, or preprocess.target: none if "
            "that fits"
        ),
    ),
    put(
        "a wrong width of the output",
        OUTPUT,
        "{units: 3, activation: softmax}",
        ("c.yaml:5:15  model.layers.1.units: must be 2 (is 3): the target has 2 classes; or leave it out"),
    ),
    put(
        "shares that sum to 1",
        "target: y",
        "target: y, split: {validation: 0.5, test: 0.5}",
        ("c.yaml:1:44  data.split: validation and test together are 1 of the rows; leave some to train on"),
    ),
    put(
        "a share of 1",
        "target: y",
        "target: y, split: {test: 1}",
        "c.yaml:1:51  data.split.test: must be less than 1 (is 1)",
    ),
    put(
        "a share of less than a row",
        "target: y",
        "target: y, split: {test: 0.001}",
        (
            "c.yaml:1:51  data.split.test: 0.001 of 60 rows is less than one; give test a larger share "
            "(1 row is 0.017), or 0"
        ),
    ),
    put(
        "source and path",
        PATH,
        PATH + "source: iris, ",
        (
            "c.yaml:1:7  data: needs either source or path, both are given; source: iris, or path: FILE\n"
            "c.yaml:1:48  data.target: goes with data.path, not with data.source; leave it out"
        ),
    ),
    put(
        "neither source nor path",
        PATH,
        "",
        "c.yaml:1:7  data: needs either source or path, neither is given; source: iris, or path: FILE",
    ),
    put(
        "rows of a program, and of a source",
        PATH + "target: y",
        "memory: true, source: iris",
        "c.yaml:1:16  data.memory: says that the rows came from a program, and data.source names others; "
        "leave one of them out",
    ),
    put(
        "rows of a program, which are in no file",
        PATH,
        "memory: true, ",
        "c.yaml:1:16  data.memory: the rows came from a program that trained an estimator, and no file of the run has "
        "them; nncli evaluate takes others: --data FILE; nncli resume RUN data.path=FILE tells it a file with the same",
    ),
    put("no target", ", target: y", "", "points.csv: no target column given; name one with `data.target`: a, b, y"),
    put(
        "the target among the features",
        "target: y",
        "target: y, features: [a, y]",
        "c.yaml:1:47  data.features: holds the target 'y'; a target cannot be a feature",
    ),
    put(
        "the target dropped",
        "target: y",
        "target: y, drop: [y]",
        "c.yaml:1:43  data.drop: drops 'y', which is used; name it in one place",
    ),
    put("a feature twice", "target: y", "target: y, features: [a, a]", "c.yaml:1:47  data.features: names 'a' twice"),
    put(
        "a column that is not there",
        "target: y",
        "target: y, features: [a, bb]",
        "points.csv: `data.features`: no column 'bb', did you mean 'b'?",
    ),
    Row(
        "early stopping without validation rows",
        both(
            edits("c.yaml", "target: y", "target: y, split: {validation: 0}"),
            edits("c.yaml", "epochs: 3", "epochs: 3, early_stopping: {}"),
        ),
        "validate c.yaml",
        (
            "c.yaml:7:39  training.early_stopping.monitor: validation_loss needs validation rows; set "
            "data.split.validation, or watch train_loss"
        ),
    ),
    put(
        "an unknown monitor",
        "epochs: 3",
        "epochs: 3, early_stopping: {monitor: accuracy}",
        (
            "c.yaml:7:49  training.early_stopping.monitor: unknown figure 'accuracy', did you mean "
            "'validation_accuracy'?"
        ),
    ),
    added(
        "a metric of another task",
        "metrics: [r2]\n",
        (
            "c.yaml:8:11  metrics.0: r2 is for regression, and this is a classification; there are "
            "accuracy, balanced_accuracy, ..."
        ),
    ),
    added(
        "an unknown metric",
        "metrics: [acuracy]\n",
        "c.yaml:8:11  metrics.0: unknown name 'acuracy', did you mean 'accuracy'?",
    ),
    added(
        "a metric as text",
        "metrics: accuracy\n",
        "c.yaml:8:10  metrics: must be auto or a list (is 'accuracy'); write [accuracy]",
    ),
    added(
        "a metric twice",
        "metrics: [accuracy, accuracy]\n",
        "c.yaml:8:21  metrics.1: asks for accuracy twice; name it once: it is a column's name",
    ),
    added(
        "a weight for an unknown class",
        "loss: {name: cross_entropy, class_weight: {inn: 2}}\n",
        "c.yaml:8:49  loss.class_weight.inn: unknown class 'inn', did you mean 'in'?",
    ),
    added(
        "a negative weight of a class",
        "loss: {name: cross_entropy, class_weight: {in: -2}}\n",
        "c.yaml:8:48  loss.class_weight.in: must be at least 0 (is -2)",
    ),
    put(
        "a batch size with lbfgs",
        "name: adam, learning_rate: 0.01",
        "name: lbfgs",
        ("c.yaml:7:35  training.batch_size: lbfgs takes all rows at once; set it to full, or leave it out"),
    ),
    added(
        "a warm-up of 60 digits",
        f"schedule: {{name: cosine, warmup_steps: {'9' * 60}}}\n",
        (
            "c.yaml:8:40  schedule.warmup_steps: a warm-up of "
            "999999999999999999999999999999999999999999999999999999999999 steps is longer than the "
            "training, which has 9; shorten it, or raise training.epochs"
        ),
    ),
    added(
        "a warm-up of 60 digits of epochs",
        f"schedule: {{name: cosine, warmup_epochs: {'9' * 60}}}\n",
        (
            "c.yaml:8:41  schedule.warmup_epochs: a warm-up of 1e+60 epochs is longer than the training, "
            "which has 3; shorten it, or raise training.epochs"
        ),
    ),
    added(
        "a warm-up longer than the training",
        "schedule: {name: cosine, warmup_steps: 1000}\n",
        (
            "c.yaml:8:40  schedule.warmup_steps: a warm-up of 1000 steps is longer than the training, "
            "which has 9; shorten it, or raise training.epochs"
        ),
    ),
    put(
        "more shards than rows",
        "epochs: 3",
        "epochs: 3, shards: 100",
        "c.yaml:7:31  training.shards: a batch of 16 rows has no 100 shards; leave it at auto",
    ),
    Row(
        "shards of a single row, and batch norm",
        nothing,
        "train c.yaml model.layers.0.norm=batch training.shards=12",
        (
            "override 'training.shards=12'  training.shards: model.layers.0.norm needs at least 2 rows in each shard, "
            "and a batch has 16 rows for 12; take fewer, or a batch_size that fits, such as 42"
        ),
    ),
    # ensembles and folds
    *(
        added(f"an ensemble: {what}", f"ensemble: {written}\n", says)
        for what, written, says in [
            ("of one", "1", "c.yaml:8:11  ensemble: must be at least 2 or a mapping (is 1)"),
            ("of too many", "5000", "c.yaml:8:11  ensemble: must be at most 1000 or a mapping (is 5000)"),
            ("of true", "true", "c.yaml:8:11  ensemble: must be a whole number or a mapping (is true)"),
            ("of a list", "[3]", "c.yaml:8:11  ensemble: must be a whole number or a mapping (is a list)"),
            ("of one, in a mapping", "{members: 1}", "c.yaml:8:21  ensemble.members: must be at least 2 (is 1)"),
            ("without members", "{rows: folds}", "c.yaml:8:11  ensemble.members: missing"),
            (
                "with misspelt members",
                "{member: 3}",
                (
                    "c.yaml:8:11  ensemble.members: missing\n"
                    "c.yaml:8:12  ensemble.member: unknown key, did you mean 'members'?"
                ),
            ),
            (
                "with misspelt rows",
                "{members: 3, rows: fold}",
                "c.yaml:8:30  ensemble.rows: unknown name 'fold', did you mean 'folds'?",
            ),
            (
                "of more folds than rows",
                "52",
                "c.yaml:8:11  ensemble: 51 rows cannot be cut into 52 folds; take fewer folds, or add rows",
            ),
        ]
    ),
    Row(
        "an ensemble, and one row of a class",
        both(
            edits("points.csv", "0,0,in", "0,0,alone"),
            writes("c.yaml", CONFIG + "ensemble: 2\n"),
        ),
        "train c.yaml",
        "c.yaml:8:11  ensemble: the class 'alone' has 1 row to train and validate on: without its fold there is none "
        "to train; drop the row, add others, or train without folds",
    ),
    Row(
        "an ensemble on folds, and a file to validate on",
        both(
            edits("c.yaml", PATH, "path: points.csv, validation_path: points.csv, "),
            edits("c.yaml", "training:", "ensemble: {members: 3, rows: folds}\ntraining:"),
        ),
        "validate c.yaml",
        "c.yaml:7:30  ensemble.rows: folds take turns to validate, and data.validation_path has the rows for that; "
        "take all",
    ),
    Row(
        "an ensemble that is to overfit some batches",
        both(
            edits("c.yaml", "epochs: 3", "epochs: 3, overfit_batches: 1"),
            edits("c.yaml", "training:", "ensemble: 3\ntraining:"),
        ),
        "train c.yaml",
        "c.yaml:8:40  training.overfit_batches: is for one network, and ensemble trains several; "
        "try it with ensemble=null",
    ),
    *(
        put(f"a fold: {what}", "target: y", f"target: y, split: {written}", says)
        for what, written, says in [
            (
                "that there is not",
                "{fold: {of: 3, number: 3}}",
                "c.yaml:1:67  data.split.fold.number: 3 folds are numbered from 0 to 2 (is 3)",
            ),
            ("without a number", "{fold: {of: 3}}", "c.yaml:1:51  data.split.fold.number: missing"),
            ("that is a number", "{fold: 3}", "c.yaml:1:51  data.split.fold: must be a mapping (is 3)"),
            (
                "of more than there are rows",
                "{fold: {of: 52, number: 3}}",
                "c.yaml:1:51  data.split.fold: 51 rows cannot be cut into 52 folds; take fewer folds, or add rows",
            ),
            ("by a negative seed", "{seed: -1}", "c.yaml:1:51  data.split.seed: must be at least 0 (is -1)"),
        ]
    ),
    put(
        "a fold, and a file to validate on",
        "target: y",
        "target: y, validation_path: points.csv, split: {fold: {of: 3, number: 1}}",
        "c.yaml:1:80  data.split.fold: folds take turns to validate, and data.validation_path has the rows for that; "
        "leave one of them out",
    ),
    put(
        "a fold of an ensemble",
        "target: y",
        "target: y, split: {fold: {of: 3, number: 1}}}\nensemble: 2\nregularization: {l1: 0",
        "c.yaml:1:51  data.split.fold: is for one network, and ensemble trains several; leave one out",
    ),
    # checkpoints
    put(
        "a checkpoint every 5",
        "every: 1 epoch",
        "every: 5",
        (
            "c.yaml:7:59  training.checkpoint.every: must be a number of epochs, steps or minutes: 1 "
            "epoch, 500 steps, 10 minutes (is 5)"
        ),
    ),
    put(
        "a checkpoint every day",
        "every: 1 epoch",
        "every: every day",
        (
            "c.yaml:7:59  training.checkpoint.every: must be a number of epochs, steps or minutes: 1 "
            "epoch, 500 steps, 10 minutes (is 'every day')"
        ),
    ),
    put(
        "a checkpoint every 0 epochs",
        "every: 1 epoch",
        "every: 0 epochs",
        (
            "c.yaml:7:59  training.checkpoint.every: must be a number of epochs, steps or minutes: 1 "
            "epoch, 500 steps, 10 minutes (is '0 epochs')"
        ),
    ),
    put(
        "a checkpoint every hour",
        "every: 1 epoch",
        "every: 1 hour",
        (
            "c.yaml:7:59  training.checkpoint.every: must be a number of epochs, steps or minutes: 1 "
            "epoch, 500 steps, 10 minutes (is '1 hour')"
        ),
    ),
    put(
        "a checkpoint every half epoch",
        "every: 1 epoch",
        "every: 0.5 epochs",
        (
            "c.yaml:7:59  training.checkpoint.every: must be a number of epochs, steps or minutes: 1 "
            "epoch, 500 steps, 10 minutes (is '0.5 epochs')"
        ),
    ),
    put(
        "no checkpoint is kept",
        "every: 1 epoch",
        "keep: 0",
        "c.yaml:7:58  training.checkpoint.keep: must be at least 1 (is 0)",
    ),
    put(
        "a list of checkpoints",
        "checkpoint: {every: 1 epoch}",
        "checkpoint: [1]",
        "c.yaml:7:51  training.checkpoint: must be a mapping (is a list)",
    ),
    # overrides
    override(
        "an override without =",
        "training.epochs",
        "override 'training.epochs': is not KEY=VALUE; for example training.epochs=20",
    ),
    override("an override without a key", "=3", "override '=3': is not KEY=VALUE; for example training.epochs=20"),
    override(
        "an override with an empty part of a key",
        "training..epochs=3",
        "override 'training..epochs=3': is not KEY=VALUE; for example training.epochs=20",
    ),
    override(
        "an override without a value",
        "training.epochs=",
        "override 'training.epochs='  training.epochs: must be a whole number (is empty)",
    ),
    override(
        "an event file with a name",
        "report.tensorboard=events",
        "override 'report.tensorboard=events'  report.tensorboard: must be true or false (is 'events')",
    ),
    override(
        "a tracking server that is a number",
        "report.mlflow=5000",
        "override 'report.mlflow=5000'  report.mlflow: must be true or false or text (is 5000)",
    ),
    override(
        "a tracking server without a name",
        "report.mlflow=''",
        "override 'report.mlflow='  report.mlflow: must be true or false or text (is empty)",
    ),
    override(
        "a password of a tracking server",
        "report.mlflow=https://me:secret@tracking.example.com",
        "override 'report.mlflow=https://me:secret@tracking.example.com'  report.mlflow: a password does not go into a "
        "config, which is kept with the run; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
    ),
    override(
        "an override with an index out of range",
        "model.layers.7.units=3",
        "override 'model.layers.7.units=3': model.layers has no entry 7: there are 2, counted from 0",
    ),
    override(
        "an override with a negative index",
        "model.layers.-1.units=3",
        ("override 'model.layers.-1.units=3': model.layers has no entry -1: there are 2, counted from 0"),
    ),
    override(
        "an override with an index of 5,000 digits",
        f"model.layers.{'9' * 5000}.units=3",
        (
            "override "
            "'model.layers.9999999999999999999999999999999999999999999999999999999999999999999...': "
            "model.layers has no entry ...: there are 2, counted from 0"
        ),
    ),
    override(
        "an override with a digit of another script",
        "model.layers.².units=3",
        "override 'model.layers.².units=3': model.layers has no entry ²: there are 2, counted from 0",
    ),
    override(
        "an override into a number",
        "training.epochs.x=3",
        "override 'training.epochs.x=3': training.epochs is 3 and holds nothing called 'x'",
    ),
    override(
        "an override with a misspelt key",
        "training.epoch=3",
        "override 'training.epoch=3'  training.epoch: unknown key, did you mean 'epochs'?",
    ),
    override(
        "an override that is no YAML",
        "'training=[1'",
        ("override 'training=[1': this is no YAML: expected ',' or ']', but got '<stream end>'; close the bracket"),
    ),
    override(
        "an override 10,000 levels deep",
        f"{'.'.join(10_000 * ['a'])}=1",
        "override '...': is nested deeper than 32 levels",
    ),
    override(
        "an override with a value 1,000 levels deep",
        f"data.drop={'[' * 1000}",
        "override 'data.drop=...': is nested deeper than 32 levels",
    ),
    override(
        "control characters in an override",
        "'seed=\x1b[31m'",
        "override 'seed=\\x1b[31m'  seed: must be a whole number (is '\\x1b[31m')",
    ),
    override(
        "an override with a number of 5,000 digits",
        f"seed={'9' * 5000}",
        "override 'seed=...': a number of 5000 digits; write it shorter",
    ),
    override(
        "two bad overrides",
        "training.epochs=-1 seed=-1",
        (
            "override 'seed=-1'  seed: must be at least 0 (is -1)\n"
            "override 'training.epochs=-1'  training.epochs: must be at least 0 (is -1)"
        ),
    ),
    # commands
    Row(
        "a mistyped command",
        nothing,
        "trian c.yaml",
        ("Usage: nncli ...\n\nError: No such command 'trian'. Did you mean 'train'?"),
    ),
    Row(
        "a mistyped option",
        nothing,
        "train c.yaml --quite",
        ("Usage: nncli ...\n\nError: No such option: --quite (Possible options: --quiet)"),
    ),
    Row(
        "control characters in an option",
        nothing,
        "train c.yaml '--\x1b[31m'",
        ("Usage: nncli ...\n\nError: No such option: --\\x1b[31m"),
    ),
    Row("no config", nothing, "train", ("Usage: nncli ...\n\nError: Missing argument 'CONFIG'.")),
    Row(
        "an unknown split",
        nothing,
        "evaluate run --split tset",
        (
            "Usage: nncli ...\n"
            "\n"
            "Error: Invalid value for '--split': Value error, 'tset' is not one of 'train', "
            "'validation', 'test'."
        ),
    ),
    Row("an option without its value", nothing, "train c.yaml --run", "Error: Option '--run' requires an argument."),
    # what has the rows in memory, where they are to lie on disk
    on_disk(
        "rows on disk that are split by group",
        ", split: {group: a}",
        f"c.yaml:1:66  data.split.group: rows that are split by 'a' have to be in memory together, {ON_DISK} "
        "give the parts as files: data.validation_path and data.test_path, or set data.stored: false",
    ),
    on_disk(
        "rows on disk in folds",
        ", split: {fold: {of: 3, number: 0}}",
        f"c.yaml:1:65  data.split.fold: folds share rows in memory, {ON_DISK} "
        "train one network, or set data.stored: false",
    ),
    on_disk(
        "rows on disk for an ensemble",
        "",
        f"override 'ensemble=3'  ensemble: the members of an ensemble share rows in memory, {ON_DISK} "
        "train one network, or set data.stored: false",
        "ensemble=3",
    ),
    on_disk(
        "rows on disk for lbfgs",
        "",
        f"override 'optimizer=lbfgs'  optimizer: lbfgs takes all rows at once, {ON_DISK} "
        "take adam, or set data.stored: false",
        "optimizer=lbfgs training.batch_size=full",
    ),
    on_disk(
        "rows on disk for several seeds",
        "",
        "c.yaml:1:45  data.stored: several trainings share the rows in memory, and data.stored has them on disk; "
        "train one after the other, or set it to false",
        "--seeds 2",
    ),
    Row(
        "rows on disk of a built-in source",
        edits("c.yaml", "path: points.csv, target: y", "source: iris, stored: true"),
        "train c.yaml",
        f"c.yaml:1:30  data.stored: rows that no file has are in memory, {ON_DISK} leave it out",
    ),
    Row(
        "rows on disk of a folder",
        edits("c.yaml", "path: points.csv", "path: ., stored: true"),
        "train c.yaml",
        f"c.yaml:1:14  data.path: a folder of IDX files is read into memory, {ON_DISK} "
        "save the rows as .csv, .parquet, .npz or .npy, or set data.stored: false",
    ),
]
