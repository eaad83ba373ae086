"""Learning rate, weight decay, warm-up and schedule, for configs that train by epochs.

Search: tools/search.py configs/taco/demo.py --space configs/search/schedule.py --trials 12
        --out work_dirs/search
Result: on the embedded sample, no trial of twelve beat the demo's own settings (docs/search.md).

Rate and weight decay are factors of those of the config; the first trial is the config as it is.
"""

first = [{'lr_factor': 1.0, 'weight_decay_factor': 1.0, 'schedule': 'of the config'}]


def space(trial, config):
    """Settings of optimizer and schedule."""
    optimizer, epochs = config.optim_wrapper.optimizer, config.train_cfg.max_epochs
    factor = trial.suggest_float('lr_factor', 0.1, 10, log=True)
    decay = trial.suggest_float('weight_decay_factor', 0.1, 10, log=True)
    settings = {
        'optim_wrapper.optimizer.lr': optimizer.lr * factor,
        'optim_wrapper.optimizer.weight_decay': optimizer.weight_decay * decay,
    }
    schedule = trial.suggest_categorical('schedule', ['of the config', 'cosine', 'steps'])
    if schedule == 'of the config':
        for index, one in enumerate(config.param_scheduler):
            if one.get('eta_min'):  # which is no fraction of the rate
                settings[f'param_scheduler.{index}.eta_min'] = one.eta_min * factor
        return settings
    warm_up = trial.suggest_int('warm_up_epochs', 1, max(1, epochs // 8))
    common = dict(by_epoch=True, begin=warm_up, end=epochs, convert_to_iter_based=True)
    milestones = [round(0.7 * epochs), round(0.9 * epochs)]
    after = {
        'cosine': dict(
            type='CosineAnnealingLR', eta_min_ratio=0.05, T_max=epochs - warm_up, **common
        ),
        'steps': dict(type='MultiStepLR', gamma=0.1, milestones=milestones, by_epoch=True),
    }[schedule]
    rise = dict(type='LinearLR', start_factor=0.01, **{**common, 'begin': 0, 'end': warm_up})
    settings['param_scheduler'] = [rise, after]
    return settings
