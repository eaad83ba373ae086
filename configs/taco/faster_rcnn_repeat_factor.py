"""Faster R-CNN with repeat-factor sampling: photographs of rare classes are repeated in each epoch.

Train: tools/train.py configs/taco/faster_rcnn_repeat_factor.py
Result: not measured.

If the rarest class of a photograph is in a share f of all photographs, and f is less than t = 0.1,
the photograph is repeated sqrt(t / f) times, rounded up (arXiv:1908.03195). On TACO, these classes
are glass (2 times), bio (5) and other (9), and an epoch has 9 % more photographs. All else is as in
faster_rcnn.py.
"""

_base_ = './faster_rcnn.py'

_base_.train_dataloader.dataset = dict(
    type='ClassBalancedDataset', oversample_thr=0.1, dataset=_base_.train_dataloader.dataset
)
