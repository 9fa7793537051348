"""How good networks are on real tables, beside scikit-learn's network and its boosted trees."""
