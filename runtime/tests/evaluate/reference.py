"""Reference values of the evaluation tests, in NumPy and SciPy: `python3 reference.py` prints them.

Written from the definitions in the documentation of `equilayer::evaluate`, in float64 on float32 inputs.
"""
import numpy as np
import scipy.fft
import scipy.ndimage

def wave(n, offset=0):
    i=np.arange(n,dtype=np.float64)+offset
    return np.sin(0.9*i+0.013*i*i).astype(np.float32)
np.set_printoptions(precision=9, linewidth=100)
# knn: 60 train, 30 test, width 4, classes 3
def knn(tr,y,te,k,T,C):
    tr=tr/np.linalg.norm(tr,axis=1,keepdims=True); te=te/np.linalg.norm(te,axis=1,keepdims=True)
    s=te@tr.T; out=[]
    for r in s:
        o=np.argsort(-r,kind='stable')[:k]; w=np.zeros(C)
        for j in o: w[y[j]]+=np.exp(r[j]/T)
        out.append(int(w.argmax()))
    return out
tr=wave(240).reshape(60,4).astype(np.float64); te=wave(120,1000).reshape(30,4).astype(np.float64)
y=np.array([(i*7//3)%3 for i in range(60)])
for k in (1,5,20): print('knn',k,knn(tr,y,te,k,0.07,3))
# probe: 60 train; class from features so that it's learnable
def standardise(tr,x):
    m=tr.mean(0); v=tr.var(0); least=.1*np.sqrt(v.mean()); d=np.maximum(np.sqrt(v),least)
    return (x-m)/d/np.sqrt(tr.shape[1])
def probe(tr,y,te,lr,epochs,C,mom=.9):
    X=standardise(tr,tr); n,d=X.shape; W=np.zeros((C,d)); b=np.zeros(C); vW=0*W; vb=0*b; rate=lr*n/256
    for e in range(epochs):
        z=X@W.T+b; z-=z.max(1,keepdims=True); p=np.exp(z); p/=p.sum(1,keepdims=True); p[np.arange(n),y]-=1; p/=n
        eta=.5*(1+np.cos(np.pi*e/epochs))
        vW=mom*vW+rate*(p.T@X); vb=mom*vb+rate*p.sum(0); W-=eta*vW; b-=eta*vb
    z=standardise(tr,te)@W.T+b; s=np.sort(z,1); return z.argmax(1).tolist(), (s[:,-1]-s[:,-2]).min()
yp=np.array([int((r[0]+0.5*r[1]>0.3))+int(r[2]-r[3]>0.4) for r in tr])
print('labels',yp.tolist(), np.bincount(yp))
for lr,ep in ((1.0,10),(10.0,40)):
    print('probe',lr,ep,probe(tr,yp,te,lr,ep,3))
    print('counts of 3000',np.bincount(probe(tr,yp,wave(12000,1000).reshape(3000,4).astype(np.float64),lr,ep,3)[0],minlength=3))
# collapse
for n,d in ((40,7),(7,40)):
    x=wave(n*d).reshape(n,d).astype(np.float64)
    s=np.linalg.svd(x,compute_uv=False); p=s/s.sum(); u=x/np.linalg.norm(x,axis=1,keepdims=True)
    D=((u[:,None]-u[None])**2).sum(-1); iu=np.triu_indices(n,1)
    u2=wave(n*d,500).reshape(n,d).astype(np.float64); u2/=np.linalg.norm(u2,axis=1,keepdims=True)
    print('collapse',n,d,'rank',np.exp(-(p*np.log(p)).sum()),'dev',u.std(0).mean()*np.sqrt(d),'unif',np.log(np.exp(-2*D[iu]).mean()),'align',((u-u2)**2).sum(1).mean())
# equivariance: fixed position-coded map P on 3x3, width 2, for 2 images
def measures(moved, seen):
    cos=lambda a,b:(a*b).sum(-1)/np.linalg.norm(a,axis=-1)/np.linalg.norm(b,axis=-1)
    mu=.5*(moved.mean((0,1))+seen.mean((0,1))); sm=seen.mean((0,1))
    return cos(moved,seen).mean(1), cos(moved-mu,seen-mu).mean(1), ((moved-seen)**2).sum(), ((seen-sm)**2).sum()
P=wave(36).reshape(2,3,3,2).astype(np.float64); r=[]
for k in (1,2,3): r.append(measures(np.rot90(P,k,axes=(1,2)).reshape(2,9,2),P.reshape(2,9,2)))
print('fixed map',np.mean([a[0] for a in r],0),np.mean([a[1] for a in r],0),np.sqrt(sum(a[2] for a in r)/sum(a[3] for a in r)))
a,b=wave(36).reshape(2,9,2).astype(np.float64)[:,:7],(wave(36,50)+np.float32(.5)).reshape(2,9,2).astype(np.float64)[:,:7]
r=measures(a,b); print('masked pair',r[0],r[1],np.sqrt(r[2]/r[3]))
# rescale floor
def kern(t):
    a=-.75; t=abs(t)
    return (a+2)*t**3-(a+3)*t**2+1 if t<=1 else (a*t**3-5*a*t**2+8*a*t-4*a if t<2 else 0.)
def resize_matrix(n,m):
    M=np.zeros((m,n))
    for i in range(m):
        s=(i+.5)*n/m-.5; f=int(np.floor(s))
        for j in range(f-1,f+3): M[i,min(max(j,0),n-1)]+=kern(s-j)
    return M
ij=np.indices((24,24)); imgs=np.stack([.5+.25*np.sin(.35*ij[0]+.2*ij[1]+c)+.2*np.cos(.25*ij[1]-.15*ij[0]*c) for c in (0.,1.,2.)]).astype(np.float32).astype(np.float64)
pool=lambda x,p:x.reshape(len(x),x.shape[1]//p,p,x.shape[2]//p,p).mean((2,4))
moved=np.einsum('ab,nbc,dc->nad',resize_matrix(6,5),pool(imgs,4),resize_matrix(6,7))
seen=pool(np.einsum('ab,nbc,dc->nad',resize_matrix(24,20),imgs,resize_matrix(24,28)),4)
two=lambda m:np.stack([m,1-m],-1).reshape(3,35,2)
c,cc,a,b=measures(two(moved),two(seen)); print('rescale floor',c,cc,np.sqrt(a/b))
# corruptions: image 3 x 11 x 9 in [0,1]
img=(.5+.5*wave(297).astype(np.float64)).astype(np.float32).astype(np.float64).reshape(3,11,9)
w=wave(297,77).astype(np.float64)
pr=lambda x:(x.reshape(-1)*w).sum()
mean=img.mean((1,2),keepdims=True); print('contrast .3',pr(np.clip((img-mean)*.3+mean,0,1)))
V=img.max(0); print('brightness .2',pr(img*np.minimum(V+.2,1)/V))
print('blur 1.0',pr(np.stack([scipy.ndimage.gaussian_filter(c,1.0/32*9,mode='nearest',truncate=4) for c in img])))
def pix(n,f):
    m=int(np.floor(n*f+.5)); A=np.zeros((m,n))
    for i in range(m):
        for j in range(n): A[i,j]=max(0,min((i+1)*n/m,j+1)-max(i*n/m,j))*m/n
    U=np.zeros((n,m))
    for i in range(n): U[i,int((i+.5)*m/n)]=1
    return U@A
print('pixelate .4',pr(np.einsum('ab,nbc,dc->nad',pix(11,.4),img,pix(9,.4))))
L=np.array([16,11,10,16,24,40,51,61,12,12,14,19,26,58,60,55,14,13,16,24,40,57,69,56,14,17,22,29,51,87,80,62,18,22,37,56,68,109,103,77,24,35,55,64,81,104,113,92,49,64,78,87,103,121,120,101,72,92,95,98,112,100,103,99]).reshape(8,8)
Cq=np.full((8,8),99); Cq[0,:4]=[17,18,24,47];Cq[1,:4]=[18,21,26,66];Cq[2,:3]=[24,26,56];Cq[3,:2]=[47,66]
def plane(p,T,q):
    s=5000//q if q<50 else 200-2*q; T=np.clip((T*s+50)//100,1,255)
    h,wd=p.shape; P=np.pad(p,((0,-h%8),(0,-wd%8)),mode='edge')-128; o=np.zeros_like(P)
    for i in range(0,P.shape[0],8):
        for j in range(0,P.shape[1],8):
            o[i:i+8,j:j+8]=scipy.fft.idctn(np.round(scipy.fft.dctn(P[i:i+8,j:j+8],norm='ortho')/T)*T,norm='ortho')
    return o[:h,:wd]+128
def jpeg(im,q):
    x=im*255
    if len(im)==3:
        y=.299*x[0]+.587*x[1]+.114*x[2]; Y=np.stack([y,(x[2]-y)/1.772+128,(x[0]-y)/1.402+128])
        Y=np.stack([plane(Y[0],L,q),plane(Y[1],Cq,q),plane(Y[2],Cq,q)])
        r=Y[0]+1.402*(Y[2]-128); b=Y[0]+1.772*(Y[1]-128); g=(Y[0]-.299*r-.114*b)/.587; o=np.stack([r,g,b])
    else: o=np.stack([plane(c,L,q) for c in x])
    return np.clip(np.round(o),0,255)/255
print('jpeg colour 15',pr(jpeg(img,15)))
g=jpeg(img[:1],18); print('jpeg grey 18',(g.reshape(-1)*w[:99]).sum())
