"""The custom resources of the group exalb.io as typed models. `make crds` writes crds/ from them."""
