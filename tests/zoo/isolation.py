"""Trees that are not fitted to a target."""

from sklearn.ensemble import IsolationForest, RandomTreesEmbedding
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from zoo.cases import add

add("isolation", IsolationForest(n_estimators=7, random_state=0), "numbers", None)
add("isolation_contamination", IsolationForest(n_estimators=7, contamination=0.1, random_state=0), "numbers", None)
add("isolation_ties", IsolationForest(n_estimators=5, contamination=1 / 119 * 9, random_state=1), "integers", None)
add("isolation_features", IsolationForest(n_estimators=6, max_features=2, max_samples=30, random_state=0), "gaps", None)
add(
    "isolation_bootstrap",
    IsolationForest(n_estimators=5, bootstrap=True, max_samples=0.5, random_state=0),
    "array",
    None,
)
add("isolation_two_rows", IsolationForest(n_estimators=5, max_samples=2, random_state=0), "numbers", None)
add("isolation_one_row", IsolationForest(n_estimators=3, max_samples=1, random_state=0), "numbers", None)
add("isolation_crowded", IsolationForest(n_estimators=5, random_state=0), "crowded", None)
add(
    "isolation_scaled",
    make_pipeline(StandardScaler(), IsolationForest(n_estimators=5, random_state=0)),
    "numbers",
    None,
)
add("embedding", RandomTreesEmbedding(3, max_depth=2, random_state=0), "numbers", None)
add(
    "embedding_ridge", make_pipeline(RandomTreesEmbedding(4, max_depth=3, random_state=0), Ridge()), "numbers", "amount"
)
add("embedding_dense", make_pipeline(
    RandomTreesEmbedding(3, max_leaf_nodes=4, sparse_output=False, random_state=0), StandardScaler(),
    LogisticRegression()), "array", "texts3")  # fmt: skip
