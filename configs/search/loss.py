"""Classification loss: scheme of the class weights, gamma, and alpha where there are no weights.

Search: tools/search.py configs/taco/demo.py --space configs/search/loss.py --trials 30
        --out work_dirs/search_loss
Result: not measured.

With a gamma of 0, focal loss is cross-entropy. Not for DETR, whose matching cost would have to
change too.
"""

KNOWN = ['CrossEntropyLoss', 'FocalLoss', 'WeightedCrossEntropyLoss', 'WeightedFocalLoss']
SCHEMES = ['none', 'sqrt_inverse', 'inverse_density', 'effective_number']


def space(trial, config):
    """A loss for each head that classifies."""
    loss = dict(type='WeightedFocalLoss', gamma=trial.suggest_float('gamma', 0.0, 3.0))
    scheme = trial.suggest_categorical('class_weights', SCHEMES)
    if scheme == 'none':
        loss['alpha'] = trial.suggest_float('alpha', 0.25, 0.75)
    else:
        weights = dict(taxonomy=config.taxonomy, ann_file=config.train_annotations)
        loss['class_weights'] = dict(scheme=scheme, scale='boxes', **weights)
    has_rois = 'roi_head' in config.model
    heads = (config.model.roi_head if has_rois else config.model).bbox_head
    path = 'model.roi_head.bbox_head' if has_rois else 'model.bbox_head'
    several = isinstance(heads, list)
    settings = {}
    for index, head in enumerate(heads if several else [heads]):
        old = head.get('loss_cls') or {}
        if old.get('type') not in KNOWN or 'bg_cls_weight' in old:
            raise ValueError(f'this space cannot replace the classification loss of {head.type}')
        kept = {key: old[key] for key in ('reduction', 'loss_weight') if key in old}
        new = dict(loss, use_sigmoid=old.get('use_sigmoid', False), **kept)
        settings[f'{path}.{index}.loss_cls' if several else f'{path}.loss_cls'] = new
    return settings
