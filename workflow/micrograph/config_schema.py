"""The configuration of a study: every key with its type, bounds, default and meaning.

config.validate checks by these classes; config_reference.py writes config/default.yaml and docs/config.md from them.
Names of models, protocols, policies and so on are read from the tables that define them.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, model_serializer
from pydantic_core import PydanticCustomError, core_schema

from micrograph import outputs
from micrograph.attribution.maps import BASELINES
from micrograph.models import registry
from micrograph.networks.backbones import BLOCKS
from micrograph.networks.pretraining import PRETRAINING
from micrograph.scans.levelling import METHODS
from micrograph.scans.quality import CHECKS
from micrograph.scans.rendering import ASPECTS
from micrograph.splits import film_scans, protocols
from micrograph.splits.fit_spec import WITHOUT_NETWORK
from micrograph.splits.policies import POLICIES
from micrograph.target import SCHEMES

SHALLOW = registry.models_on("components")
MODELS = tuple(name for name, model in registry.MODELS.items() if "nominal" in model.schemes)
PAPER_MODELS = ("SVC", "KRC", "RNN", "GPC", "KNN", "DTC", "GBC", "MLP", "CNN")
BASES = ("strict", "published", "as_run")
LEAKING = (
    *BASES,
    *(base + leak for base in ("strict+", "published-") for leak in protocols.LEAKS),
    *(base + error for base in ("published+", "as_run-") for error in protocols.NOTEBOOK_ERRORS),
)
FETCHED = tuple(name for name, origin in PRETRAINING.items() if origin == "retrieved")
# Policies that train on the micrographs themselves: the features of blocks serve these alone.
RESAMPLING = tuple(name for name, policy in POLICIES.items() if not policy.makes_images)


@dataclass(frozen=True)
class OneOf:
    """Metadata of a text that must be one of these names."""

    names: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable) -> core_schema.CoreSchema:
        """Give pydantic the check."""
        return core_schema.no_info_before_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: core_schema.CoreSchema, handler: Callable) -> dict[str, Any]:
        """Name them in the JSON schema, from which the reference is written."""
        return handler(schema) | {"enum": [*self.names]}

    def _check(self, value: Any) -> Any:
        if value not in self.names:
            raise PydanticCustomError("one_of", "not a known name", {"names": self.names})
        return value


class Unique:
    """Metadata of a list that holds nothing twice."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable) -> core_schema.CoreSchema:
        """Give pydantic the check."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: core_schema.CoreSchema, handler: Callable) -> dict[str, Any]:
        """Say so in the JSON schema."""
        return handler(schema) | {"uniqueItems": True}

    def _check(self, values: list) -> list:
        if any(value in values[:index] for index, value in enumerate(values)):
            raise PydanticCustomError("unique", "It lists something twice; keep one")
        return values


def _scalar(value: Any) -> Any:
    if isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise PydanticCustomError("scalar", "It should be a text, a number, true or false")


T = TypeVar("T")
Some = Annotated[list[T], Field(min_length=1), Unique()]
One = Annotated[list[T], Field(min_length=1, max_length=1)]

Text = Annotated[str, Field(min_length=1)]
Column = Annotated[str, Field(pattern=r"^[^\W\d]\w*$")]
Url = Annotated[str, Field(pattern=r"^https?://[^@?#]+$")]
Count = Annotated[int, Field(ge=1)]
NotNegative = Annotated[int, Field(ge=0)]
BatchSize = Annotated[int, Field(ge=2)]
Pixels = Annotated[int, Field(ge=32, le=4096)]
Percent = Annotated[int, Field(ge=1, le=99)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[Number, Field(gt=0)]
ZeroOrMore = Annotated[Number, Field(ge=0)]
Rate = Annotated[Number, Field(gt=0, le=1)]
Share = Annotated[Number, Field(ge=0, le=1)]
Dropout = Annotated[Number, Field(ge=0, lt=1)]

BlockOrTuned = Annotated[str, OneOf((*BLOCKS, "tuned"))]
Model = Annotated[str, OneOf(MODELS)]
Scheme = Annotated[str, OneOf(tuple(SCHEMES))]
Pretraining = Annotated[str, OneOf(tuple(PRETRAINING))]
Start = Annotated[str, OneOf(tuple(name for name, origin in PRETRAINING.items() if origin in ("retrieved", "random")))]
Fetched = Annotated[str, OneOf(FETCHED)]
Policy = Annotated[str, OneOf(tuple(POLICIES))]
Resampling = Annotated[str, OneOf(RESAMPLING)]
BaseProtocol = Annotated[str, OneOf(BASES)]
Leaking = Annotated[str, OneOf(LEAKING)]
Unseen = Annotated[str, OneOf(tuple(name for name in protocols.PROTOCOLS if name not in BASES))]
Nominal = Annotated[str, OneOf(("nominal",))]
Precision = Annotated[str, OneOf(("fp32", "bf16"))]

# What keys mean that several experiments have.
REPEATS = Field(
    ge=1,
    le=99,
    description=(
        "How often cross-validation is repeated with new splits. With 2 or more the tables give the spread between "
        "splits beside that between growth days. Every repeat costs as much as the first."
    ),
)
SEEDS = Field(
    ge=1,
    le=99,
    description=(
        "How often the networks of each fold, and models on their features, are trained on the same splits, with other "
        "random numbers. With 2 or more the table gives the standard deviation of the accuracy by seed, split and "
        "growth day, and a row for the ensemble of each network's seeds. Every seed costs as much as the first, in "
        "every repeat."
    ),
)
PROTOCOLS = Field(
    description=(
        "strict: grouped by growth day, everything fitted on training samples, each sample tested once; published: the "
        "paper's protocol with its leaks, as its text describes it; as_run: as its notebooks ran, with errors "
        "that the text does not mention."
    )
)
DOMAINS = Field(
    description=(
        "imagenet, micronet (only with the backbone resnet18; its authors publish no checksum, so the first download "
        "is trusted and later ones must equal it), scratch (random weights), films (see pretraining.self_supervised), "
        "simulated (see pretraining.simulated)."
    )
)
AUGMENTATION = Field(
    description="aug1: random crops; aug2: AutoAugment; aug3: classes balanced by resampling; aug4: none."
)
PLACES = Field(
    description=(
        "Features of the shallow models. block2, block3, block4, pool: network blocks with maps of 1/8, 1/16 and 1/32 "
        "of the image's side length, and the global pooling; tuned: features of a fine-tuned network."
    )
)
VARIANCE = Field(
    description=(
        "Percent of the variance that the principal components keep; tuned features have none. Paper: 85 and 99."
    )
)
TARGETS = Field(description="nominal; nnrank and corn (ordinal; MLP and CNN alone); regression.")
ESTIMATORS = Field(
    description=(
        "SVC (support vector machine), KRC (kernel ridge), RNN (radius neighbours), GPC (Gaussian process), KNN (k "
        "nearest neighbours), DTC (decision tree), GBC (gradient boosting); MLP (on tuned features); CNN (the "
        "fine-tuned network, on images)."
    )
)

Repeats = Annotated[int, REPEATS]
Seeds = Annotated[int, SEEDS]
Bases = Annotated[Some[BaseProtocol], PROTOCOLS]
OneFetched = Annotated[One[Fetched], DOMAINS]
OneResampling = Annotated[One[Resampling], AUGMENTATION]
Blocks = Annotated[Some[BlockOrTuned], PLACES]
Variances = Annotated[Some[Percent], VARIANCE]
OneNominal = Annotated[One[Nominal], TARGETS]
Models = Annotated[Some[Model], ESTIMATORS]


class Section(BaseModel):
    """A group of keys: no other key, and no value of another type, is admitted.

    Attributes
    ----------
    is_whole : bool
        Whether a study that gives the group gives all of it: keys that it leaves out are null, not the default.
    own : tuple of str
        Keys of an experiment that mean something else than those of `base`, and are not taken from there.
    """

    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)
    is_whole: ClassVar[bool] = False
    own: ClassVar[tuple[str, ...]] = ()


class TargetSettings(Section):
    """The growth variable that is predicted from the micrographs. A study's own target replaces this one as a whole:
    column, and either classes or bins. Paper: growth temperature, classes of 900, 950 and 1000 °C."""

    is_whole: ClassVar[bool] = True

    column: Column
    """Column of the sample sheet: growth_celsius, growth_seconds, pressure_torr, substrate, operator, or one of your
    own. It is in no other way given to a model."""
    name: Text | None = None
    """How tables, figures and pages call it; null: by its column."""
    unit: str | None = None
    """Unit of its values; null: by its column, where that is one of the sheet's own."""
    classes: Annotated[list[int | Number | Text], Field(min_length=2), Unique()] | None = None
    """Ascending numbers; a sample is of the nearest. Or names (substrates), which have no order: only the scheme
    nominal exists then."""
    bins: Annotated[list[int | Number], Field(min_length=3), Unique()] | None = None
    """In place of classes: ascending edges. [0, 5, 10, 20] has three classes; 5 is in the lowest."""


class Scans(Section):
    """Source of the scans, and what is read from them."""

    source: Annotated[str, OneOf(("simulated", "folder", "zenodo", "list"))] = "folder"
    """simulated: films grown by the settings under `simulation`; folder: your own scans, listed in the sheet; zenodo:
    the micrographs of Moses & Reinhart, from their data record; list: their raw scans, from the LiST database of Penn
    State's 2DCC, which requires credentials."""
    sheet: Text = "samples.tsv"
    """The sample sheet (TSV, CSV or .xlsx), one row per sample; its paths are relative to the working directory.
    Source folder reads it; every other source writes it, and it must then lie under resources/."""
    films: Annotated[str, OneOf(("real", "simulated"))] = "real"
    """What the films of the sheet are; tables, figures, the report and the model card say so. Those of source simulated
    are always simulated."""
    scans_per_shard: Count = 30
    """Number of scans that one job converts; 500 or 1000 for tens of thousands of scans."""
    extra_columns: Annotated[list[Column], Unique()] = []
    """Columns of your own in the sheet, as [precursor_flow_sccm]: numbers, or texts where a cell is not a number. They
    are growth variables, as the sheet's own columns are. Other unknown columns are an error; the column of `target`
    need not be named here."""
    on_bad_scan: Annotated[str, OneOf(("skip", "stop"))] = "skip"
    """skip: a scan that cannot be read is listed in results/micrographs/rejected.tsv and the run goes on without it;
    stop: the run stops and names every such scan."""
    channels: Some[Text] = ["Height Sensor", "ZSensor", "Height"]
    """Names of the height channel; the first that the file has is read. Paper: Height Sensor."""
    direction: Annotated[str, OneOf(("trace", "retrace", "any"))] = "any"
    """Scan direction. any: trace if the file has it, otherwise retrace; the table of samples gives the direction."""
    gwyddion_timeout_seconds: Positive = 60
    """Time limit for one file in Gwyddion's importer, which reads files that are neither NanoScope nor images."""


class Zenodo(Section):
    """Source zenodo. resources/excluded.tsv lists the content of the records that the study does not use, with the
    reason."""

    url: Url = "https://zenodo.org"
    """The archive, or a mirror with the same REST API."""
    records: Some[Count] = [8432222, 10534837]
    """Records: the data and the code of the paper."""
    files: Some[Text] = ["*"]
    """Patterns of the names of the files to look into. Python pickles are used, whatever their name, also in zip and
    tar archives; only arrays, tables and plain values are read."""


class ListDatabase(Section):
    """Source list: centre scans of 1 µm, one for each film. resources/excluded.tsv lists what is not used."""

    url: Url = "https://m4-2dcc.vmhost.psu.edu/list/api/v2"
    """Address of the REST API (https, unless on this machine) without a final slash; public code names
    https://list.2dccmip.org/list/dotnet/api/v2 as its successor. Neither could be
    tested."""
    credentials: Annotated[str, Field(min_length=1, pattern=r"^[^{]")] | None = None
    """A JSON file with the request headers that hold your credentials, never the credentials themselves; null: the
    environment variable LIST_CREDENTIALS holds the path of that file, or its JSON."""
    query: Annotated[dict[str, Annotated[Any, AfterValidator(_scalar)]], Field(min_length=1)] = {
        "projectId": "I2_inch MoS2_MOCVD1",
        "technique": "Metal-organic CVD",
        "withCharacterization": "AFM",
        "includeFinalized": True,
        "includeSplitPieces": True,
    }
    """The search for samples, in the API's terms. Default: the paper's samples."""
    requests_per_second: Annotated[Number, Field(gt=0, le=100)] = 2
    """Maximum number of requests per second."""


class Simulation(Section):
    """Simulated films, for the source simulated; the shares also apply to pretraining.self_supervised.simulated."""

    samples: Annotated[int, Field(ge=12, le=1_000_000)] = 262
    """Number of films. Paper: 262 real ones."""
    days: Annotated[int, Field(ge=3, le=1825)] = 90
    """Number of growth days; each has its own tip, noise and substrate orientation."""
    operators: Annotated[int, Field(ge=0, le=1825)] = 4
    """Number of operators, each with about as many growth days; 0: no operators are named. Films of different operators
    do not differ."""
    shares: Annotated[dict[Annotated[str, Field(pattern="^[0-9]+$")], Share], Field(min_length=2)] = {
        900: 0.11,  # type: ignore[dict-item]  # a default is written as YAML reads it: keys that are numbers
        950: 0.5,  # type: ignore[dict-item]
        1000: 0.39,  # type: ignore[dict-item]
    }
    """Share of the films grown at each temperature in degrees Celsius; they sum to 1. Paper: 0.11, 0.50, 0.39."""
    between_classes: Share = 0
    """Share of the growth runs at a temperature off these, by 10 to 40 % of the distance to the next."""
    scanned_twice: Share = 0
    """Share of the films with two scans, at the center and at the edge."""
    pixels: Pixels | None = None
    """Side length of every scan in pixels; null: 256 and 512, some not square, some stopped early, as in the paper's
    data."""


class Quality(Section):
    """Thresholds of the flags of scans (column `quality` of the table of samples). Flagged scans are used; the table
    `confounders` compares them with the others."""

    line_offset_pct: ZeroOrMore = CHECKS["line_offset_pct"].threshold
    """Flag line offsets: offsets of lines left by the levelling, in percent of the relief. The default flags lines that
    differ by three quarters of the relief: one of the 120 simulated scans of the embedded study under
    `published`."""
    scar_pct: ZeroOrMore = CHECKS["scar_pct"].threshold
    """Flag scars: percent of the pixels in scars. A good scan has one or two short ones; 0.5 is one line in 200."""
    masked_pct: ZeroOrMore = CHECKS["masked_pct"].threshold
    """Flag little background: percent of the pixels that stand out of the background. Above 50 the levelling rests on
    less than half of the scan."""
    saturated_pct: ZeroOrMore = CHECKS["saturated_pct"].threshold
    """Flag saturated: percent of the raw pixels at the highest and lowest height. A scan that is not clipped has only a
    few."""
    blank_line_pct: ZeroOrMore = CHECKS["blank_line_pct"].threshold
    """Flag blank lines: percent of the raw lines that have one height or repeat the line before. No real surface has
    such lines."""
    jumps: ZeroOrMore = CHECKS["jumps"].threshold
    """Flag jumps: places where the film of one line does not continue in the next: the tip changed, or the film has a
    step, which every levelling removes."""
    noise_ratio: ZeroOrMore = CHECKS["noise_ratio"].threshold
    """Flag noise changes: noise of the noisiest 16 lines over that of the quietest. Films alone reach up to 2; a worn
    or dirty tip causes more."""


class Heights(Section):
    """From the raw scan to the height map."""

    levelling: Annotated[str, OneOf(tuple(METHODS))] = "published"
    """published: plane, second-degree background, scar removal, a parabola for each line (Moses & Reinhart); it streaks
    beside tall particles. median, facet: lines aligned where the film continues from line to line, beside particles and
    scars, after a tilt from the median slope (median) or the flat facets (facet); both remove a step between two lines.
    The column `levelling` of the sample sheet overrides it for one scan."""
    quality: Quality = Quality()


class Micrographs(Section):
    """From the height map to the grey image."""

    pixels: Pixels = 224
    """Side length of the micrograph in pixels. Paper: 224, the usual input size of the networks."""
    clip_percentiles: Annotated[list[Annotated[Number, Field(ge=0, le=100)]], Field(min_length=2, max_length=2)] = [
        0.5,
        99.5,
    ]
    """Heights outside these percentiles are clipped. Paper: 0.5, 99.5."""
    aspect: Annotated[str, OneOf(ASPECTS)] = "pad"
    """For scans that are not square: pad (to a square, with the mean grey), crop (to the central square), stretch (to a
    square, which distorts them, as in the paper's code), refuse (list them as rejected)."""


class Topography(Section):
    """Physical features of the height maps. Bands of wavelengths are fixed, as they are part of the features' names."""

    step_spacing_nm: Annotated[list[Positive], Field(min_length=2, max_length=2)] = [16, 250]
    """Shortest and longest spacing of atomic steps that is looked for, in nm. Terraces of the paper's sapphires are
    some 20 to 170 nm wide."""
    grid_nm: Positive = 4
    """Pixel size, in nm, on which correlation, grains and coverage are measured; coarser maps are not changed. Paper:
    its coarsest full scans have 3.9 nm."""
    assumed_width_nm: Positive = 1000
    """Width of an image of unknown width, in nm. Paper: 1000."""


class Splits(Section):
    """Cross-validation."""

    folds: Annotated[int, Field(ge=3)] = 4
    """Number of folds of both protocols; no more than growth days, nor than samples of the rarest class. Paper: 10."""
    primary: Annotated[str, OneOf(protocols.PRIMARY)] = "strict"
    """How the protocol strict, and with it the headline, the conclusions and the final model, splits the growth days.
    strict: at random, each class in each fold; by_date: into contiguous blocks in time, each tested once, which needs
    the growth date of every sample; repeats then differ in training alone, and permuted labels keep random folds."""
    scan_weights: Annotated[str, OneOf(film_scans.WEIGHTS)] = "film"
    """What counts once in training where films have several scans. film: a fold trains on as many rows of each film as
    the film with the most scans has, 4 at most, and repeats scans for it; scan: on each scan once."""


class Networks(Section):
    """The backbone, and how features of its blocks are extracted."""

    backbone: Annotated[str, Field(pattern="^[A-Za-z0-9_.:-]+$")] = "efficientnet_lite0"
    """efficientnet_lite0 (its weights install with the environment), resnet18 (the paper's; its weights are
    downloaded), or timm:NAME (with a weights_file)."""
    batch_size: Count = 16
    """Images in one minibatch; affects speed and memory, and results only by rounding."""
    precision: Precision = "fp32"
    """Arithmetic of the features. bf16 is about twice as fast where the processor has it (elsewhere fp32 is used, as
    the log reports), with noise in the features: about 1 % for resnet18, 7 % for efficientnet_lite0."""
    device: Annotated[str, OneOf(("auto", "cpu", "cuda", "mps"))] = "auto"
    """auto: an NVIDIA GPU if there is one, otherwise the processor, which the log names; a job to which a scheduler
    assigned a GPU fails where it does not work. mps: the GPU of an Apple machine (never tried)."""
    normalise: Annotated[str, OneOf(("weights", "none"))] = "weights"
    """Normalisation of images for the features of blocks. weights: as the weights expect; none: values in 0..1, as in
    the paper. For fine-tuning images are always normalised as the weights expect, in the paper too."""
    weights_mirror: Text | None = None
    """URL of a mirror to download weights from; null: the publisher's."""
    weights_file: Text | None = None
    """Your own file with the weights (.safetensors, or a PyTorch state dict); null: they are downloaded."""


class Features(Section):
    """Features of the network's blocks and their principal components; docs/scale.md has times and memory."""

    micrographs_per_job: Count = 1024
    """Micrographs whose features one job extracts, rounded up to whole minibatches; does not affect results."""
    exact_pca_up_to: NotNegative = 5000
    """Number of samples up to which principal components are exact; with more they are randomised: memory and time then
    grow with the number of samples, not with its square and cube."""
    randomised_components: Count = 200
    """Maximum number of components of a randomised fit, even where they explain less than requested, as the log
    reports."""


class SelfSupervised(Section):
    """The pre-training domain films: the backbone is pre-trained, without labels (self-supervised), on the training
    micrographs of the fold (protocol published: on all micrographs) and on simulated ones. The paper has no such
    domain."""

    start: Start = "imagenet"
    """Weights that the pre-training starts from; scratch: random ones."""
    simulated: Annotated[int, Field(ge=0, le=1_000_000)] = 48
    """Number of additional simulated micrographs, of films that are in no fold."""
    pixels: Pixels = 80
    """Side length of the views (augmented crops) in pixels."""
    epochs: Count = 3
    """Passes over these micrographs, each with two new views of every micrograph."""
    batch_size: Annotated[int, Field(ge=8)] = 32
    """Micrographs in one minibatch, from which the variance of the embeddings is estimated."""
    learning_rate: Rate = 0.0005
    """Learning rate of Adam."""


class SimulatedSource(Section):
    """The pre-training domain simulated: from simulated films of other laboratories the backbone learns the study's
    target (growth temperature or growth time), with the settings of training and training.nominal. Each of their growth
    days has a reactor, a tip and noise of its own, each scan its levelling, contrast, width and resolution. The paper
    has no such domain."""

    start: Start = "imagenet"
    """Weights that the pre-training starts from; scratch: random ones."""
    samples: Annotated[int, Field(ge=12, le=1_000_000)] = 240
    """Number of simulated films, equally many of each class of the target; one growth day in five validates."""
    epochs: Count = 6
    """Maximum number of passes over these films; training.patience ends them earlier."""
    width_nm: Annotated[list[Positive], Field(min_length=2, max_length=2)] = [700, 1300]
    """Shortest and longest width of their scans in nm: those of your own scans, and somewhat more."""


class Pretrainings(Section):
    """Pre-training within the study."""

    self_supervised: SelfSupervised = SelfSupervised()
    simulated: SimulatedSource = SimulatedSource()


class DropoutOfDomains(Section):
    """Dropout for each pre-training; that of simulated may be left out, and is then that of imagenet."""

    imagenet: Dropout
    micronet: Dropout
    scratch: Dropout
    films: Dropout
    simulated: Dropout | None = None


def _form(value: Any) -> str:
    return "group" if isinstance(value, dict) else "number"


# Defaults of heads are made by model_construct, which keeps a dropout of 0 as it is written (not 0.0).
class Trained(Section):
    """What is trained for epochs and with a patience of its own, where it states them."""

    epochs: Count | None = None
    patience: Count | None = None

    @model_serializer(mode="wrap")
    def _stated(self, handler: Callable) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if value is not None}


class Head(Trained):
    """Fine-tuning with one head: learning_rate (Adam's), batch_size (images), dropout (one number, or one for each
    pre-training: {imagenet: 0.35, micronet: 0, scratch: 0.35, films: 0.35}), and, where they differ from those above,
    epochs and patience."""

    learning_rate: Rate
    batch_size: BatchSize
    dropout: Annotated[
        Annotated[Dropout, Tag("number")] | Annotated[DropoutOfDomains, Tag("group")], Discriminator(_form)
    ]


class MlpHead(Trained):
    """Settings of the MLP under one scheme: learning_rate (Adam's), batch_size (samples), dropout, hidden_layer_sizes
    (units), and, where they differ from those above, epochs and patience."""

    learning_rate: Rate
    batch_size: BatchSize
    dropout: Dropout
    hidden_layer_sizes: Annotated[list[Count], Field(min_length=2, max_length=2)]


def _mlp(learning_rate: float, batch_size: int, dropout: float, *hidden_layer_sizes: int) -> MlpHead:
    return MlpHead.model_construct(
        learning_rate=learning_rate, batch_size=batch_size, dropout=dropout, hidden_layer_sizes=[*hidden_layer_sizes]
    )


class Mlp(Section):
    """The MLP on fine-tuned features. Paper: these values, except for corn, which it does not have; epochs 349, for
    nnrank 3499; patience 10, for nnrank and regression 20."""

    epochs: Count = 350
    """Maximum number of passes over the training features."""
    patience: Count = 10
    """Epochs without a lower validation loss after which training stops."""
    nominal: MlpHead = _mlp(0.01, 16, 0.35, 600, 50)
    nnrank: MlpHead = _mlp(0.01, 32, 0.35, 600, 150)
    corn: MlpHead = _mlp(0.01, 32, 0.35, 600, 150)
    regression: MlpHead = _mlp(0.005, 32, 0, 400, 100)


class Training(Section):
    """Fine-tuning, and the MLP. With models.param_grid published the grid sets learning rates, batch sizes and
    dropouts."""

    pixels: Pixels = 80
    """Side length in pixels of the images for fine-tuning. Paper: 224."""
    precision: Precision = "bf16"
    """bf16: float32 weights, bf16 arithmetic where the processor has it (elsewhere fp32, as the log reports)."""
    epochs: Count = 4
    """Maximum number of passes over the training images of a fold. Paper's code: 349; 243 for regression, no fewer."""
    patience: Count = 3
    """Epochs without a lower validation loss after which training stops. Paper: 15."""
    batch_norm_momentum: Rate = 0.4
    """Weight of each step in the running statistics of batch normalisation, which normalise validation and test images.
    PyTorch and the paper: 0.1, too slow for a few dozen steps."""
    folds_per_job: Count = 4
    """Folds that one job trains, one after another; more of them save start-up time, 1 gives every fold its own GPU. To
    train several at a time on one large GPU, set the resource folds_at_once of train_networks in a profile. Does not
    affect results; the gain on a GPU was never measured."""
    nominal: Head = Head.model_construct(learning_rate=0.001, batch_size=16, dropout=0)
    """Paper: learning rate 0.0001, batch size 32."""
    nnrank: Head = Head.model_construct(learning_rate=0.001, batch_size=16, dropout=0.2)
    """Paper: learning rate 0.00005, batch size 100, dropout 0.2."""
    corn: Head = Head.model_construct(learning_rate=0.001, batch_size=16, dropout=0.2)
    """Shi, Cao & Raschka 2021; not in the paper."""
    regression: Head = Head.model_construct(learning_rate=0.001, batch_size=16, dropout=0)
    """Paper: learning rate 0.0001, batch size 32, dropout 0."""
    feature_extractor: Head = Head.model_construct(learning_rate=0.001, batch_size=16, dropout=0.35)
    """The network whose last layer of 100 values gives the fine-tuned features. Paper: learning rate 0.0001, batch size
    32, dropout 0.35 for imagenet and 0 for micronet."""
    mlp: Mlp = Mlp()


class ModelSearch(Section):
    """Model selection."""

    param_grid: Annotated[str, OneOf(tuple(registry.SEARCHES))] = "default"
    """default: a few grid points per model, seconds per fit; published: the authors' complete grids, hours for some
    models, with networks trained at every point of theirs; as_run: these grids, and networks at one point, as the
    notebooks ran them."""


class Evaluation(Section):
    """Evaluation."""

    n_bootstrap: Annotated[int, Field(ge=100, le=1_000_000)] = 10_000
    """Number of bootstrap resamples of growth days for every 95 % confidence interval and every comparison."""
    film_score: Annotated[str, OneOf(("mean", "majority"))] = "mean"
    """How several scans of a film give its prediction. mean: by the mean of their probabilities, or of the values of a
    regression (of models with neither by majority); majority: the class of most scans, of equally frequent ones the one
    nearest to their mean. Calibration, sets and intervals are of films, too, from the mean probabilities."""


class Figures(Section):
    """Choices of what figures show."""

    fig8_features: Annotated[Some[BlockOrTuned], Field(max_length=2)] = ["pool", "tuned"]
    """Features whose first two principal components figures 8 and 9 show, one or two; the report's map shows the first.
    Paper: image features, not stated which."""
    fig6_model: Model = "CNN"
    """Model whose predictions figure 6 shows beside the micrographs, under its first scheme; one of
    experiments.table4.models, or the CNN. Paper: CNN."""


class Base(Section):
    """What the experiments share. An experiment takes each of these keys that its own group does not set, as far as it
    has use for it: of models, schemes and so on those that it knows, and the first where it shows one."""

    repeats: Repeats = 1
    protocols: Bases = ["strict", "published"]
    pretraining: Annotated[Some[Pretraining], DOMAINS] = ["imagenet"]
    policies: Annotated[Some[Policy], AUGMENTATION] = ["aug3"]
    blocks: Blocks = ["pool"]
    explained_variance: Variances = [85]
    schemes: Annotated[Some[Scheme], TARGETS] = ["nominal"]
    models: Models = [*PAPER_MODELS]


BASE = Base()


class Table2(Section):
    """Table 2 shows one pretraining, one policy and one scheme."""

    repeats: Repeats = BASE.repeats
    protocols: Bases = BASE.protocols
    pretraining: OneFetched = BASE.pretraining
    policies: OneResampling = BASE.policies
    blocks: Blocks = [*BLOCKS, "tuned"]
    explained_variance: Variances = [85, 99]
    schemes: Annotated[
        One[Annotated[str, OneOf(tuple(name for name in SCHEMES if name in registry.MODELS["SVC"].schemes))]], TARGETS
    ] = BASE.schemes
    models: Annotated[Some[Annotated[str, OneOf(SHALLOW)]], ESTIMATORS] = ["SVC", "KRC", "RNN"]


class Fig3(Section):
    """Figures 3 and S2: one pretraining and one scheme. Paper: with the CNN, as in config/full.yaml."""

    repeats: Repeats = BASE.repeats
    protocols: Bases = ["strict"]
    pretraining: Annotated[One[Pretraining], DOMAINS] = BASE.pretraining
    policies: Annotated[Some[Policy], AUGMENTATION] = [*POLICIES]
    schemes: Annotated[One[Scheme], TARGETS] = BASE.schemes
    models: Models = ["SVC", "KNN"]


class Table3(Section):
    """Table 3: one policy and one scheme. Paper: imagenet and micronet, published; here strict only, to save
    time. config/full.yaml adds films."""

    repeats: Repeats = BASE.repeats
    seeds: Seeds = 1
    protocols: Bases = ["strict"]
    pretraining: Annotated[Some[Pretraining], DOMAINS] = ["imagenet", "scratch"]
    policies: Annotated[One[Policy], AUGMENTATION] = BASE.policies
    schemes: Annotated[One[Scheme], TARGETS] = BASE.schemes
    models: Models = BASE.models


class Table4(Section):
    """Table 4 and figures 4 to 7: one pretraining and one policy."""

    repeats: Repeats = BASE.repeats
    seeds: Seeds = 1
    protocols: Bases = BASE.protocols
    pretraining: Annotated[One[Pretraining], DOMAINS] = BASE.pretraining
    policies: Annotated[One[Policy], AUGMENTATION] = BASE.policies
    schemes: Annotated[Some[Scheme], TARGETS] = [*SCHEMES]
    models: Models = BASE.models


class Baselines(Section):
    """Baselines without a network: the table baselines, and the last rows of tables 3 and 4."""

    own: ClassVar[tuple[str, ...]] = ("policies",)

    protocols: Bases = BASE.protocols
    policies: OneResampling = ["aug4"]
    features: Some[Annotated[str, OneOf(WITHOUT_NETWORK)]] = [*WITHOUT_NETWORK]
    """metadata: what the sheet tells beside the target: growth temperature, time, substrate, pressure, operator, day,
    batch, extra columns; physical: roughness, spectrum, grains and steps of the height map."""
    models: One[Annotated[str, OneOf(registry.models_on("metadata"))]] = ["OLR"]
    """OLR: ordinal logistic regression; of a target without order multinomial."""


class Permutations(Section):
    """films: labels permuted between samples; batches: between growth days, the samples of a day kept together."""

    films: NotNegative
    batches: NotNegative


class Leakage(Section):
    """Data leakage of the published protocol: the table and figure leakage. By default networks are trained only for
    the leaks that concern networks; config/full.yaml has the others."""

    own: ClassVar[tuple[str, ...]] = ("protocols",)

    protocols: Some[Leaking] = [
        "strict",
        "published",
        *(f"strict+{leak}" for leak in protocols.LEAKS),
        "published-pca_on_all",
        "published-scaler_on_validation",
        "published-selection_on_reported_split",
        "published-ungrouped",
    ]
    """With the true labels. strict+LEAK adds one of published's leaks to strict, published-LEAK closes one. LEAK:
    features_from_one_fold (tuned features of all folds from the last fold's network), pca_on_all (principal components
    fitted on test samples, too), scaler_on_validation (features scaled by training and validation samples),
    selection_on_reported_split (parameters selected on the samples whose accuracy is reported),
    validation_in_train_mode (validation loss with dropout and batch statistics as in training), last_checkpoint (the
    last weights, not the best), ungrouped (samples of one growth day in several splits of a fold). published+ERROR
    adds an error of the notebooks to published, as_run-ERROR corrects it. ERROR: aug1_wrong_scan (crops of another
    sample's scan), aug1_one_crop (one crop repeated), aug2_range (features of AutoAugment's images in 0..255),
    one_component_fewer (principal components), features_not_normalised (tuned features of images without the
    normalisation of training), target_not_scaled (networks learn values in the target's unit), nnrank_loss_summed
    (NNRank's loss a sum over the minibatch)."""
    networks: Annotated[str, OneOf(("network_leaks", "all"))] = "network_leaks"
    """network_leaks: models on tuned features and on images are fitted under the leaks that concern their networks only
    (features_from_one_fold for tuned features, validation_in_train_mode and last_checkpoint for images); all: under all
    protocols above, which trains networks for each."""
    permuted_labels: Some[Leaking] = ["strict", "published", "strict+selection_on_reported_split"]
    """With permuted labels, which cannot be learned: accuracy above chance level is leakage."""
    n_permutations: Permutations = Permutations(films=50, batches=50)
    """Permutations for models on block features. With 10 or more, intervals come from resampling whole permutations."""
    n_network_permutations: Permutations = Permutations(films=0, batches=0)
    """Permutations for models on tuned features and on images; networks are trained for each."""
    pretraining: OneFetched = BASE.pretraining
    policies: Annotated[One[Policy], AUGMENTATION] = BASE.policies
    blocks: Blocks = ["pool", "tuned"]
    explained_variance: Variances = BASE.explained_variance
    schemes: OneNominal = BASE.schemes
    models: Models = ["SVC", "CNN"]


class Confounders(Section):
    """Accuracy by subgroup, and harder splits: the table confounders."""

    protocols: Annotated[list[Unseen], Unique()] = [
        "by_operator",
        "by_date",
        "later_days",
    ]
    """by_operator: all samples of one operator are tested; by_date: contiguous blocks of growth days, each tested once;
    later_days: samples grown after all training samples. If the sheet does not name operators or days, the table states
    it."""
    pretraining: OneFetched = BASE.pretraining
    policies: OneResampling = BASE.policies
    blocks: Blocks = BASE.blocks
    explained_variance: Variances = BASE.explained_variance
    schemes: OneNominal = BASE.schemes
    models: Models = ["SVC"]


class LearningCurve(Section):
    """Accuracy against the number of training samples: the table and figure learning_curve."""

    repeats: Repeats = BASE.repeats
    shares: Some[Percent] = [25, 50, 75]
    """Percent of each fold's training samples, by whole growth days; 100 is always included. Every repeat leaves out
    other growth days, too."""
    protocols: Annotated[One[Annotated[str, OneOf(("strict",))]], PROTOCOLS] = ["strict"]
    pretraining: OneFetched = BASE.pretraining
    policies: OneResampling = BASE.policies
    blocks: Blocks = BASE.blocks
    explained_variance: Variances = BASE.explained_variance
    schemes: OneNominal = BASE.schemes
    models: Models = ["SVC"]


class Transfer(Section):
    """What pre-training on simulated films gives: the table and figure transfer. From each pre-training the CNN is
    fine-tuned on none, some and all of the training samples, on the same folds. Only for growth temperature and growth
    time, which the simulator knows."""

    own: ClassVar[tuple[str, ...]] = ("pretraining",)

    repeats: Repeats = BASE.repeats
    shares: Some[Percent] = [25, 50]
    """Percent of each fold's training samples, by whole growth days; 100 is always included, and 0 for simulated, whose
    network predicts the study's samples without having seen any."""
    protocols: Annotated[One[Annotated[str, OneOf(("strict",))]], PROTOCOLS] = ["strict"]
    pretraining: Annotated[Some[Pretraining], DOMAINS] = ["imagenet", "films", "simulated"]
    policies: Annotated[One[Policy], AUGMENTATION] = BASE.policies
    schemes: OneNominal = BASE.schemes


class WhatCanBeRead(Section):
    """Which growth variables of the sheet micrographs tell: the table and figure what_can_be_read. Linear models on the
    features of the global pooling predict the target and every other column."""

    repeats: Repeats = 3
    protocols: Annotated[One[Annotated[str, OneOf(("strict",))]], PROTOCOLS] = ["strict"]
    pretraining: OneFetched = BASE.pretraining
    explained_variance: Annotated[One[Percent], VARIANCE] = BASE.explained_variance


class Experiments(Section):
    """What is fitted for each table and figure. Experiments that need the same fit share its file; every list may be
    shortened, and null leaves an experiment out: tables and figures that need what is left out are left out, too, and
    the report says why. A list in place of this group is the list of `only`: experiments: [table2, fig4]."""

    only: Some[Annotated[str, OneOf((*(row.name for row in outputs.OUTPUTS), outputs.FINAL_MODEL))]] | None = None
    """Tables and figures that are made, with the fits that they need, and final_model (with it the report shows every
    film); null: all. The report is always made."""
    base: Base = BASE
    table2: Table2 | None = Table2()
    fig3: Fig3 | None = Fig3()
    table3: Table3 | None = Table3()
    table4: Table4 | None = Table4()
    baselines: Baselines | None = Baselines()
    leakage: Leakage | None = Leakage()
    confounders: Confounders | None = Confounders()
    learning_curve: LearningCurve | None = LearningCurve()
    transfer: Transfer | None = Transfer()
    what_can_be_read: WhatCanBeRead | None = WhatCanBeRead()


class FinalModel(Section):
    """The CNN that is explained (figure 10, results/attribution, the report) and that predicts new scans. Attribution
    maps are of the networks of the strict folds, each on its test samples; for prediction the CNN is trained again on
    all samples, with the parameters that the strict folds selected."""

    pretraining: Pretraining = "imagenet"
    """Pre-training, by its name in the experiments."""
    policy: Policy = "aug3"
    """Augmentation policy, by its name in the experiments."""
    scheme: Annotated[str, OneOf(tuple(name for name in SCHEMES if name != "regression"))] = "nominal"
    """A scheme with probabilities."""
    coverage: Annotated[Number, Field(ge=0.5, le=0.99)] = 0.9
    """Nominal coverage of prediction sets and intervals."""
    novelty_quantile: Annotated[Number, Field(ge=0.5, le=0.999)] = 0.99
    """Quantile of the distances between samples of different growth days; a new scan whose distance to the study's
    samples exceeds it is out of distribution."""


class Attribution(Section):
    """Occlusion and class activation maps."""

    patch: Count = 8
    """Side length of the occluding patch in pixels, in images of training.pixels. Paper: 15, at 224."""
    stride: Count = 4
    """Pixels between neighbouring positions of the patch. Paper: 5, at 224."""
    baseline: Annotated[str, OneOf(tuple(BASELINES))] = "zero"
    """Value of the occluding patch: zero (in the network's normalised input, as in the paper) or mean (of the
    image)."""
    precision: Precision = "fp32"
    """bf16 is about 1.3 to 1.5 times as fast where the processor has it, with noise in the maps: for efficientnet_lite0
    up to a third of an image's largest effect."""
    memory_mb: Annotated[int, Field(ge=64)] = 500
    """Memory for images and maps being computed, in MB; affects speed, and results only by rounding."""
    cam_values: Annotated[int, Field(ge=1, le=16)] = 7
    """Least number of values of a class activation map along each axis; a network has one per 32 pixels. Where it has
    fewer (3 at 80 pixels), it also sees the image displaced by parts of these 32 pixels; the values are
    interleaved and averaged over displacements. 1 switches this off. Paper: 7, at 224."""
    films_per_class: Annotated[int, Field(ge=1, le=8)] = 4
    """Samples of each class in figure 10. Paper: 4."""


class Config(Section):
    """The keys of config.yaml."""

    seed: NotNegative = 2310
    """Seed of all random numbers: simulation, folds, resampling, networks, bootstrap."""
    material: Text | None = None
    """Material of the films, for texts of pages and tables; null: thin films. Paper: MoS2."""
    target: TargetSettings = TargetSettings.model_construct(
        column="growth_celsius", name="growth temperature", unit="°C", classes=[900, 950, 1000], bins=None
    )
    scans: Scans = Scans()
    zenodo: Zenodo = Zenodo()
    list_database: ListDatabase = ListDatabase()
    simulation: Simulation = Simulation()
    heights: Heights = Heights()
    micrographs: Micrographs = Micrographs()
    topography: Topography = Topography()
    splits: Splits = Splits()
    networks: Networks = Networks()
    features: Features = Features()
    pretraining: Pretrainings = Pretrainings()
    training: Training = Training()
    models: ModelSearch = ModelSearch()
    evaluation: Evaluation = Evaluation()
    figures: Figures = Figures()
    experiments: Experiments = Experiments()
    final_model: FinalModel = FinalModel()
    attribution: Attribution = Attribution()
    new_scans: Text | None = None
    """A folder of scans, one scan, or a sheet with the columns sample and scan, to predict: snakemake --cores 8 predict
    --config new_scans=FOLDER"""
    scans_folder: Text | None = None
    """A folder of scans to convert, level, draw and measure without a sheet: snakemake --cores 2 scans --config
    scans_folder=FOLDER"""


def section_of(annotation: Any) -> type[Section] | None:
    """Return the class of a key that holds a group of keys; None for a key that holds a value."""
    kinds = get_args(annotation) if type(None) in get_args(annotation) else (annotation,)
    sections = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Section)]
    return sections[0] if sections else None
